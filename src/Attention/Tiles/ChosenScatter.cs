using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Operators;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Gradients of outputs that are rows of values, to be added where those rows came from.</summary>
internal unsafe struct ChosenScatterProblem
{
    internal int Batch;
    internal int Heads;
    internal int KeyValueHeads;
    internal int QueryLength;
    internal int KeyLength;
    internal int ValueSize;
    internal int* Choices;
    internal Operand OutputGradient;
    internal Operand ValueGradient;
}

/// <summary>
/// The gradient of some columns of the values of one key head: one piece adds everything that comes to a number, heads and
/// queries in order, so that threads change no bit.
/// </summary>
internal readonly unsafe struct ChosenScatter<TSimd, TVector>(in ChosenScatterProblem problem) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Columns of a piece: a few vectors, so that few heads give work to several threads too.</summary>
    private const int PieceColumns = 128;

    private readonly ChosenScatterProblem _problem = problem;

    internal int Count => checked(_problem.Batch * _problem.KeyValueHeads * Across);

    private int Across => (int)PanelCut.Blocks(_problem.ValueSize, PieceColumns);

    public void Invoke(int index)
    {
        (index, int across) = Math.DivRem(index, Across);
        (int batch, int keyHead) = Math.DivRem(index, _problem.KeyValueHeads);
        int first = across * PieceColumns;
        int count = Math.Min(PieceColumns, _problem.ValueSize - first);
        int group = _problem.Heads / _problem.KeyValueHeads;
        for (int key = 0; key < _problem.KeyLength; key++)
        {
            new Span<float>(_problem.ValueGradient.At(batch, keyHead, key) + first, count).Clear();
        }

        for (int head = keyHead * group; head < (keyHead + 1) * group; head++)
        {
            int* choices = _problem.Choices + ((nint)batch * _problem.Heads + head) * _problem.QueryLength;
            for (int query = 0; query < _problem.QueryLength; query++)
            {
                Add(
                    _problem.OutputGradient.At(batch, head, query) + first,
                    _problem.ValueGradient.At(batch, keyHead, choices[query]) + first, count);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(float* source, float* destination, int count)
    {
        int column = 0;
        for (; column <= count - TSimd.Count; column += TSimd.Count)
        {
            TSimd.Store(TSimd.Add(TSimd.Load(destination + column), TSimd.Load(source + column)), destination + column);
        }

        for (; column < count; column++)
        {
            destination[column] += source[column];
        }
    }
}
