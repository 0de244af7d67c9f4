using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>Checks the operands of monotonic attention and describes them to the kernels.</summary>
[StackTraceHidden]
internal static class MonotonicCheck
{
    /// <summary>The sizes of a tensor of pairs, and whether mask and options fit them.</summary>
    internal static MonotonicProblem Problem<TMask>(in ReadOnlyTensorSpan<float> pairs, string name, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask
    {
        Guard.Options(options, nameof(options));
        Guard.Layout(pairs, 4, name, "[batch, heads, queryLength, keyLength]");
        MonotonicProblem problem = new()
        {
            Batch = (int)pairs.Lengths[0],
            Heads = (int)pairs.Lengths[1],
            QueryLength = (int)pairs.Lengths[2],
            KeyLength = (int)pairs.Lengths[3],
            ChunkWidth = 1,
        };
        TMask.CheckCall(in mask, problem.Batch, problem.Heads, problem.QueryLength, problem.KeyLength);
        return problem;
    }

    /// <summary>The width of a chunk, no more than there are keys.</summary>
    internal static int Width(int chunkWidth, string name, int keyLength)
    {
        if (chunkWidth < 1)
        {
            Throw.OutOfRange(name, chunkWidth, $"'{name}' is {chunkWidth}; expected 1 or more.");
        }

        return Math.Clamp(chunkWidth, 1, Math.Max(1, keyLength));
    }
}
