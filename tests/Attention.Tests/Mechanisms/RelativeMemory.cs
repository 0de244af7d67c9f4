using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>A problem of attention by clipped distances in memory, and calls of it.</summary>
internal sealed class RelativeMemory : IDisposable
{
    private readonly AttentionMemory _attention;
    private readonly TestOperand? _keyTable;
    private readonly TestOperand? _valueTable;
    private readonly int _offset;

    public RelativeMemory(RelativeAttentionProblem<float> problem, int offset, Placement placement = Placement.Contiguous)
    {
        AttentionShape shape = problem.Attention.Shape;
        bool guarded = placement == Placement.Guarded;
        _offset = offset;
        _attention = new AttentionMemory(problem.Attention, placement);
        _keyTable = Table(problem.KeyTable, shape.HeadSize);
        _valueTable = Table(problem.ValueTable, shape.ValueSize);
        KeyTableGradient = Table(problem.KeyTable is null ? null : Nothing(problem.KeyTable.Length), shape.HeadSize);
        ValueTableGradient = Table(problem.ValueTable is null ? null : Nothing(problem.ValueTable.Length), shape.ValueSize);

        TestOperand? Table(float[]? numbers, int size) => numbers is null ? null : TestOperand.Create(guarded, [problem.TableRows, size], numbers);
    }

    public AttentionMemory Attention => _attention;

    public TestOperand? KeyTableGradient { get; }

    public TestOperand? ValueTableGradient { get; }

    public void Forward<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask => RelativeAttention.Forward(
            _attention.Query.Read(), _attention.Key.Read(), _attention.Value.Read(), Tables(), mask, _attention.Output.Write(),
            _attention.LogSumExp.Write(), options);

    public void Backward<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask => RelativeAttention.Backward(
            _attention.Query.Read(), _attention.Key.Read(), _attention.Value.Read(), Tables(), mask, _attention.OutputGradient.Read(),
            _attention.LogSumExpGradient is null ? default : _attention.LogSumExpGradient.Read(), _attention.QueryGradient.Write(),
            _attention.KeyGradient.Write(), _attention.ValueGradient.Write(),
            new RelativeTableGradients
            {
                Key = KeyTableGradient is null ? default : KeyTableGradient.Write(),
                Value = ValueTableGradient is null ? default : ValueTableGradient.Write(),
            },
            options);

    /// <summary>All results, in one order.</summary>
    public IEnumerable<(string Name, float[] Numbers)> Results()
    {
        yield return ("output", _attention.Output.Gather());
        yield return ("log-sum-exp", _attention.LogSumExp.Gather());
        yield return ("query's gradient", _attention.QueryGradient.Gather());
        yield return ("key's gradient", _attention.KeyGradient.Gather());
        yield return ("value's gradient", _attention.ValueGradient.Gather());
        yield return ("key table's gradient", KeyTableGradient?.Gather() ?? []);
        yield return ("value table's gradient", ValueTableGradient?.Gather() ?? []);
    }

    public void Dispose()
    {
        _attention.Dispose();
        _keyTable?.Dispose();
        _valueTable?.Dispose();
        KeyTableGradient?.Dispose();
        ValueTableGradient?.Dispose();
    }

    private RelativeTables Tables() => new()
    {
        Key = _keyTable is null ? default : _keyTable.Read(),
        Value = _valueTable is null ? default : _valueTable.Read(),
        Offset = _offset,
    };

    private static float[] Nothing(int count)
    {
        float[] numbers = new float[count];
        Array.Fill(numbers, float.NaN);
        return numbers;
    }
}
