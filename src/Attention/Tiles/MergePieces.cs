using System.Runtime.CompilerServices;
using Attention.Execution;

namespace Attention.Tiles;

/// <summary>Puts the rows of two parts of attention together, or takes the gradient apart; a piece is some rows of one head.</summary>
internal readonly unsafe struct MergePieces : IParallelAction
{
    /// <summary>Floats of a part in one piece: below it a second thread costs more than it gives.</summary>
    private const int PieceFloats = 1 << 14;

    private readonly MergeProblem _problem;
    private readonly bool _isBackward;
    private readonly int _pieceRows;
    private readonly int _pieces;

    private MergePieces(in MergeProblem problem, bool isBackward)
    {
        _problem = problem;
        _isBackward = isBackward;
        _pieceRows = Math.Max(1, PieceFloats / Math.Max(1, problem.Size));
        _pieces = (int)(((long)problem.QueryLength + _pieceRows - 1) / _pieceRows);
    }

    internal static void Run(in MergeProblem problem, bool isBackward, int maxDegreeOfParallelism)
    {
        MergePieces pieces = new(problem, isBackward);
        nint floats = (nint)problem.Batch * problem.Heads * problem.QueryLength * problem.Size;
        WorkerTeam.Run(
            pieces, checked(problem.Batch * problem.Heads * pieces._pieces), floats <= PieceFloats ? 1 : WorkerTeam.Threads(maxDegreeOfParallelism));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        (int pair, int piece) = Math.DivRem(index, _pieces);
        (int batch, int head) = Math.DivRem(pair, _problem.Heads);
        int end = (int)Math.Min(_problem.QueryLength, (piece + 1L) * _pieceRows);
        for (int row = piece * _pieceRows; row < end; row++)
        {
            if (_isBackward)
            {
                Split(batch, head, row);
            }
            else
            {
                Merge(batch, head, row);
            }
        }
    }

    private void Merge(int batch, int head, int row)
    {
        (float firstWeight, float secondWeight, float whole) = WeightsOf(batch, head, row);
        MergeRow.WeightedSum(
            _problem.First.At(batch, head, row), firstWeight, _problem.Second.At(batch, head, row), secondWeight,
            _problem.Output.At(batch, head, row), _problem.Size);
        *_problem.LogSumExp.At(batch, head, row) = whole;
    }

    private void Split(int batch, int head, int row)
    {
        (float firstWeight, float secondWeight, _) = WeightsOf(batch, head, row);
        float* arriving = _problem.OutputGradient.At(batch, head, row);
        float throughSum = _problem.LogSumExpGradient.IsPresent ? *_problem.LogSumExpGradient.At(batch, head, row) : 0;

        // dO . (part - whole) = the other part's weight times dO . (part - other).
        float difference = MergeRow.DotOfDifference(
            arriving, _problem.First.At(batch, head, row), _problem.Second.At(batch, head, row), _problem.Size);
        *_problem.FirstLogSumExpGradient.At(batch, head, row) = SumGradient(firstWeight, secondWeight, difference, throughSum);
        *_problem.SecondLogSumExpGradient.At(batch, head, row) = SumGradient(secondWeight, firstWeight, -difference, throughSum);
        MergeRow.Scaled(arriving, firstWeight, _problem.FirstGradient.At(batch, head, row), _problem.Size);
        MergeRow.Scaled(arriving, secondWeight, _problem.SecondGradient.At(batch, head, row), _problem.Size);
    }

    /// <summary>What has weight zero is not looked at: it may be NaN.</summary>
    private static float SumGradient(float weight, float otherWeight, float difference, float throughSum) =>
        weight == 0 ? 0 : weight * ((otherWeight == 0 ? 0 : otherWeight * difference) + throughSum);

    /// <summary>The weights of the parts, which sum to one however large the logarithms are, and the logarithm of the whole.</summary>
    private (float First, float Second, float Whole) WeightsOf(int batch, int head, int row)
    {
        float first = *_problem.FirstLogSumExp.At(batch, head, row);
        float second = *_problem.SecondLogSumExp.At(batch, head, row);
        float larger = first > second || float.IsNaN(first) ? first : second;
        if (larger == float.NegativeInfinity)
        {
            return (0, 0, larger);
        }

        float a = MathF.Exp(first - larger);
        float b = MathF.Exp(second - larger);
        return (a / (a + b), b / (a + b), larger + MathF.Log(a + b));
    }
}
