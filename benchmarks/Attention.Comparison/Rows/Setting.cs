using Attention.Comparison.Contenders;
using Attention.Comparison.Machine;
using Attention.Comparison.Measuring;

namespace Attention.Comparison.Rows;

/// <summary>What holds for a whole table: the threads, the peers, the machine's limits, the patience.</summary>
internal sealed record Setting(int Threads, IReadOnlyList<IPeer> Peers, Limits Limits, Effort Effort);
