using Attention.Comparison.Contenders;

namespace Attention.Comparison.Machine;

/// <summary>
/// What the machine can do at most with so many threads. It takes part in every row as a contender, since a shared machine
/// has faster and slower minutes: a share of the limit compares with the same minute's.
/// </summary>
internal sealed class Limits : IDisposable
{
    private readonly ReadBandwidth _reading;
    private readonly IContender _arithmetic;
    private readonly IContender _memory;

    internal Limits(int threads)
    {
        OperationsPerSecond = FmaPeak.Measure(threads);
        _reading = new ReadBandwidth(threads);
        _arithmetic = new LimitContender("FMA peak", () => FmaPeak.RunWindow(threads));
        _memory = new LimitContender("read bandwidth", () => _reading.Read());
        OperationsPerRun = FmaPeak.OperationsPerWindow(threads);
    }

    /// <summary>The arithmetic limit, in a good moment.</summary>
    internal double OperationsPerSecond { get; }

    /// <summary>The limit of reading from memory, in a good moment.</summary>
    internal double BytesPerSecond => _reading.BytesPerSecond;

    private double OperationsPerRun { get; }

    /// <summary>The contender that does nothing but reach the limit of arithmetic, or of memory.</summary>
    internal IContender Contender(bool ofMemory) => ofMemory ? _memory : _arithmetic;

    /// <summary>Operations, or bytes, of one run of the contender.</summary>
    internal double CountPerRun(bool ofMemory) => ofMemory ? _reading.Bytes : OperationsPerRun;

    public void Dispose() => _reading.Dispose();

    private sealed class LimitContender(string name, Action run) : IContender
    {
        /// <inheritdoc/>
        public string Name => name;

        /// <inheritdoc/>
        public void Prepare()
        {
        }

        /// <inheritdoc/>
        public void Run() => run();

        /// <inheritdoc/>
        public float[] Result() => [];

        /// <inheritdoc/>
        public void Dispose()
        {
        }
    }
}
