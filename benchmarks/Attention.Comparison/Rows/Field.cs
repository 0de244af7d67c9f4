using Attention.Comparison.Contenders;
using Attention.Comparison.Measuring;

namespace Attention.Comparison.Rows;

/// <summary>The library and, for each peer, its fastest contender that gives the same result.</summary>
internal sealed class Field : IDisposable
{
    private readonly List<string> _notes = [];
    private readonly IContender?[] _peers;

    private Field(IContender own, int peers)
    {
        Own = own;
        _peers = new IContender?[peers];
    }

    internal IContender Own { get; }

    /// <summary>In the order of the setting's peers; null where a peer takes no part, and a note says why.</summary>
    internal IReadOnlyList<IContender?> Peers => _peers;

    internal IReadOnlyList<string> Notes => _notes;

    /// <summary>Lets everybody try, compares the results and keeps the fastest of each peer.</summary>
    internal static Field Choose(IContender own, Setting setting, Func<IPeer, IEnumerable<Func<IContender>>> ways)
    {
        var field = new Field(own, setting.Peers.Count);
        own.Prepare();
        own.Run();
        float[] expected = own.Result();
        for (int i = 0; i < setting.Peers.Count; i++)
        {
            IPeer peer = setting.Peers[i];
            if (peer.Unavailable is { } reason)
            {
                field._notes.Add(reason);
            }
            else
            {
                field._peers[i] = field.Fastest(peer, [.. ways(peer)], expected);
            }
        }

        return field;
    }

    public void Dispose()
    {
        Own.Dispose();
        foreach (IContender? peer in _peers)
        {
            peer?.Dispose();
        }
    }

    private IContender? Fastest(IPeer peer, Func<IContender>[] ways, float[] expected)
    {
        if (ways.Length == 0)
        {
            _notes.Add($"{peer.Name} has nothing for this");
            return null;
        }

        IContender? fastest = null;
        double least = double.PositiveInfinity;
        foreach (Func<IContender> way in ways)
        {
            IContender? contender = Admit(peer, way, expected);
            double seconds = contender is null ? double.PositiveInfinity : PairedTiming.Estimate(contender);
            if (seconds < least)
            {
                fastest?.Dispose();
                (fastest, least) = (contender, seconds);
            }
            else
            {
                contender?.Dispose();
            }
        }

        if (fastest is not null && ways.Length > 1)
        {
            _notes.Add($"{peer.Name}: {fastest.Name}");
        }

        return fastest;
    }

    private IContender? Admit(IPeer peer, Func<IContender> way, float[] expected)
    {
        IContender? contender = null;
        try
        {
            contender = way();
            contender.Prepare();
            contender.Run();
            string? difference = Agreement.Difference(expected, contender.Result());
            if (difference is null)
            {
                return contender;
            }

            _notes.Add($"{peer.Name}, {contender.Name}: not timed, {difference}");
        }
#pragma warning disable CA1031 // Whatever a foreign library throws is its answer to this work; the row reports it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            string who = contender is null ? peer.Name : $"{peer.Name}, {contender.Name}";
            _notes.Add($"{who}: {exception.Message.Split('\n')[0].Trim()}");
        }

        contender?.Dispose();
        return null;
    }
}
