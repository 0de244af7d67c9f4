using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// Chooses a key for each of some rows, with the logarithm of its probability and the entropy of the row. All of it comes
/// from differences to the largest score: nothing is divided by a weight, which may be 0.
/// </summary>
internal readonly unsafe struct ChoiceRows<TSimd, TVector, TMask>(in ChoiceProblem problem, in TMask mask) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    /// <summary>Weights that are summed up at once on the way to the one that is drawn.</summary>
    private const int Stretch = 64;

    private readonly ChoiceProblem _problem = problem;
    private readonly TMask _mask = mask;

    public void Invoke(int index)
    {
        GivenScores given = _problem.Given;
        int columns = given.Columns<TSimd, TVector>();
        using Scratch.Rental rental = Scratch.Rent(2 * (nint)columns);
        nint end = Math.Min((index + 1) * given.PieceRows, given.Rows);
        for (nint row = index * given.PieceRows; row < end; row++)
        {
            Choose(row, rental.Memory, rental.Memory + columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Choose(nint index, float* row, float* weights)
    {
        GivenScores given = _problem.Given;
        GivenRow at = given.Row(index);
        given.Load<TSimd, TVector, TMask>(_mask, at, row);
        (float shift, float sum) = given.Exponentiate<TSimd, TVector>(row, weights);
        if (!(sum > 0f))
        {
            _problem.Choices[index] = sum == 0f ? ChoiceProblem.NoKey : ChoiceProblem.NoSoftmax;
            return;
        }

        int choice = _problem.IsGiven ? _problem.Choices[index]
            : _problem.IsSampled ? Draw(weights, AttentionRandom.Uniform(_problem.Seed, at.Batch, at.Head, at.Query) * sum)
            : new ReadOnlySpan<float>(row, given.KeyLength).IndexOf(shift);
        float logarithm = VectorMath.Log<SimdScalar, float>(sum);
        _problem.Choices[index] = row[choice] == float.NegativeInfinity ? ChoiceProblem.Hidden : choice;
        _problem.LogProbabilities[index] = row[choice] - shift - logarithm;
        _problem.Entropies[index] = logarithm - RowEntropy.WeightedSum<TSimd, TVector>(row, weights, given.Columns<TSimd, TVector>(), shift) / sum;
    }

    /// <summary>
    /// The first key up to which the weights add up to more than <paramref name="threshold"/>; where rounding keeps them below,
    /// the last key that has a weight. A key without a weight is never drawn.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Draw(float* weights, double threshold)
    {
        int keys = _problem.Given.KeyLength;
        double before = 0;
        for (int first = 0; first < keys; first += Stretch)
        {
            int count = Math.Min(Stretch, keys - first);
            float stretch = Reductions.Sum<TSimd, TVector>(weights + first, count);
            if (before + stretch > threshold)
            {
                double sum = before;
                for (int key = first; key < first + count; key++)
                {
                    sum += weights[key];
                    if (sum > threshold && weights[key] > 0f)
                    {
                        return key;
                    }
                }
            }

            before += stretch;
        }

        int last = keys - 1;
        while (!(weights[last] > 0f))
        {
            last--;
        }

        return last;
    }
}
