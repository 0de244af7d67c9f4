using Attention.Autodiff;
using Attention.Backends;
using Attention.Positions;

namespace Attention.Layers;

/// <summary>
/// The learned relative position bias of attention within a window of an image: a number for each head and each step between
/// two cells, added to the scores (Liu et al. 2021, "Swin Transformer", equation 4); see <see cref="WindowPositionBias"/>.
/// Parameter, as in Swin's checkpoints: <c>relative_position_bias_table [(2 height - 1) (2 width - 1), heads]</c>.
/// </summary>
public sealed class WindowBias : Layer
{
    private readonly int _heads;
    private readonly int _cells;
    private readonly int[] _rows;

    /// <summary>Creates a layer.</summary>
    /// <param name="height">The rows of the window.</param>
    /// <param name="width">The columns of the window.</param>
    /// <param name="heads">The heads of the attention.</param>
    /// <param name="deviation">The deviation of the first numbers.</param>
    /// <param name="seed">Decides the first numbers.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size or <paramref name="heads"/> is not positive.</exception>
    /// <exception cref="OverflowException">The window has more pairs of cells than an array can hold.</exception>
    public WindowBias(int height, int width, int heads, float deviation = 0.02f, ulong seed = 0, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        _heads = heads;
        _cells = checked(height * width);
        _rows = Rows(height, width, _cells);
        int steps = checked((2 * height - 1) * (2 * width - 1));
        Weight = AddParameter("relative_position_bias_table", Initial.Normal(seed, checked(steps * heads), deviation), steps, heads);
    }

    /// <summary><c>[(2 height - 1) (2 width - 1), heads]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary>Looks the bias of every pair of cells up.</summary>
    /// <param name="tape">The tape to record on; null for none.</param>
    /// <returns><c>[1, heads, height width, height width]</c>, the bias of <see cref="MultiHeadAttention"/>, the windows being its batch.</returns>
    public Variable Forward(Tape? tape = null) => PairBias.Look(Weight, _rows, _heads, _cells, _cells, tape);

    /// <summary>The row of each pair of cells: steps are counted from the key to the query.</summary>
    private static int[] Rows(int height, int width, int cells)
    {
        int[] rows = new int[checked(cells * cells)];
        for (int query = 0; query < cells; query++)
        {
            for (int key = 0; key < cells; key++)
            {
                int down = query / width - key / width + height - 1;
                int across = query % width - key % width + width - 1;
                rows[query * cells + key] = down * (2 * width - 1) + across;
            }
        }

        return rows;
    }
}
