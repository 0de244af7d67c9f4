using Attention.Comparison.Contenders;
using Attention.Comparison.Measuring;

namespace Attention.Comparison.Rows;

/// <summary>What holds for a whole table: the threads, the peers, the patience.</summary>
internal sealed record Setting(int Threads, IReadOnlyList<IPeer> Peers, Effort Effort);
