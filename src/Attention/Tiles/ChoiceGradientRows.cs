using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>What the gradients of log-probabilities and entropies are computed from, and where they go.</summary>
internal unsafe struct ChoiceGradientProblem
{
    internal GivenScores Given;

    /// <summary>One a row; not looked at without gradients of the log-probabilities.</summary>
    internal int* Choices;

    /// <summary>One a row, or a null address.</summary>
    internal Operand LogProbabilityGradient;

    /// <summary>One a row, or a null address.</summary>
    internal Operand EntropyGradient;
    internal Operand ScoresGradient;
}

/// <summary>
/// The gradients of some rows of scores a: with weights a, entropy H, the chosen key s and the gradients p of ln a_s and h of H,
/// <c>p (1[i = s] - a_i) - h a_i (ln a_i + H)</c>.
/// </summary>
internal readonly unsafe struct ChoiceGradientRows<TSimd, TVector, TMask>(in ChoiceGradientProblem problem, in TMask mask) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly ChoiceGradientProblem _problem = problem;
    private readonly TMask _mask = mask;

    public void Invoke(int index)
    {
        GivenScores given = _problem.Given;
        int columns = given.Columns<TSimd, TVector>();
        using Scratch.Rental rental = Scratch.Rent(2 * (nint)columns);
        nint end = Math.Min((index + 1) * given.PieceRows, given.Rows);
        for (nint row = index * given.PieceRows; row < end; row++)
        {
            GivenRow at = given.Row(row);
            Differentiate(row, at, rental.Memory, rental.Memory + columns);
            new ReadOnlySpan<float>(rental.Memory, given.KeyLength)
                .CopyTo(new Span<float>(_problem.ScoresGradient.At(at.Batch, at.Head, at.Query), given.KeyLength));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Differentiate(nint index, GivenRow at, float* row, float* weights)
    {
        GivenScores given = _problem.Given;
        int columns = given.Columns<TSimd, TVector>();
        given.Load<TSimd, TVector, TMask>(_mask, at, row);
        (float shift, float sum) = given.Exponentiate<TSimd, TVector>(row, weights);
        if (sum == 0f)
        {
            new Span<float>(row, columns).Clear();
            return;
        }

        int choice = _problem.LogProbabilityGradient.IsPresent ? _problem.Choices[index] : 0;
        bool isChosen = _problem.LogProbabilityGradient.IsPresent && row[choice] != float.NegativeInfinity;
        float slope = isChosen ? *_problem.LogProbabilityGradient.At(at.Batch, at.Head, at.Query) : 0f;
        float entropySlope = _problem.EntropyGradient.IsPresent ? *_problem.EntropyGradient.At(at.Batch, at.Head, at.Query) : 0f;

        // ln a + H = (s - shift) - mean(s - shift): the logarithm of the sum is in both and leaves.
        TVector means = TSimd.Create(RowEntropy.WeightedSum<TSimd, TVector>(row, weights, columns, shift) / sum);
        TVector inverse = TSimd.Create(1f / sum);
        TVector slopes = TSimd.Create(slope);
        TVector entropySlopes = TSimd.Create(entropySlope);
        TVector shifts = TSimd.Create(shift);
        for (int column = 0; column < columns; column += TSimd.Count)
        {
            TVector weight = TSimd.Load(weights + column);
            TVector distance = TSimd.Subtract(TSimd.Subtract(TSimd.Load(row + column), shifts), means);
            TVector factor = TSimd.MultiplyAdd(entropySlopes, distance, slopes);
            TVector gradient = TSimd.Subtract(TSimd.Zero, TSimd.Multiply(TSimd.Multiply(weight, inverse), factor));
            TSimd.Store(TSimd.Select(TSimd.Equals(weight, TSimd.Zero), TSimd.Zero, gradient), row + column);
        }

        if (isChosen)
        {
            row[choice] += slope;
        }
    }
}
