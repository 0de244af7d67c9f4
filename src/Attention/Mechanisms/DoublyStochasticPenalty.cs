using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Operators;
using Attention.Simd;

namespace Attention.Mechanisms;

/// <summary>
/// How far attention is from giving every key the same total over all steps (Xu et al. 2015, equation 14): for each batch element
/// <c>sum_i (1 - sum_t weight_ti)^2</c>, summed over the heads. Zero iff every key gets a total of one.
/// </summary>
/// <remarks>
/// Steps past a sequence's length and keys past its own do not count and are not looked at. The bits do not depend on threads or the
/// sequences around. Nothing is allocated in the steady state.
/// </remarks>
public static unsafe class DoublyStochasticPenalty
{
    private const string WeightsShape = "[batch, heads, steps, keyLength]";

    /// <summary>Computes the penalty of each batch element.</summary>
    /// <param name="weights">The weights, <c>[batch, heads, steps, keyLength]</c>, the last axis contiguous.</param>
    /// <param name="steps">How many steps of each batch element count, <c>[batch]</c>; empty for all.</param>
    /// <param name="keys">How many keys of each batch element count, <c>[batch]</c>; empty for all.</param>
    /// <param name="penalties">Overwritten, <c>[batch]</c>.</param>
    /// <param name="options">Threads; a scale or a dropout is refused.</param>
    /// <exception cref="ArgumentException">A shape, stride, length or option is not as said, or the result overlaps the weights; nothing was written.</exception>
    public static void Forward(
        in ReadOnlyTensorSpan<float> weights, ReadOnlySpan<int> steps, ReadOnlySpan<int> keys, in TensorSpan<float> penalties,
        in AttentionOptions options = default)
    {
        Check(weights, steps, keys, options);
        Guard.Shape(penalties, [weights.Lengths[0]], nameof(penalties), "[batch]");
        Guard.Disjoint(penalties, nameof(penalties), weights, nameof(weights));
        fixed (float* weightsAddress = weights, penaltiesAddress = penalties)
        fixed (int* stepsAddress = steps, keysAddress = keys)
        {
            Problem problem = Describe(weights, weightsAddress, stepsAddress, keysAddress);
            problem.Penalties = penaltiesAddress;
            WidthJobs.Run(options.Width, new Job(problem, WidthJobs.Threads(weights.FlattenedLength, options.MaxDegreeOfParallelism)));
        }
    }

    /// <summary>
    /// Computes the gradient of the weights, <c>-2 penaltiesGradient (1 - sum_t weight_ti)</c> for each step and key that count and 0 for the others.
    /// </summary>
    /// <param name="weights">As in the forward pass.</param>
    /// <param name="steps">As in the forward pass.</param>
    /// <param name="keys">As in the forward pass.</param>
    /// <param name="penaltiesGradient">The gradient of the loss by each penalty, <c>[batch]</c>.</param>
    /// <param name="weightsGradient">Overwritten, of the weights' shape.</param>
    /// <param name="options">Threads; a scale or a dropout is refused.</param>
    /// <exception cref="ArgumentException">A shape, stride, length or option is not as said, or the result overlaps an input; nothing was written.</exception>
    public static void Backward(
        in ReadOnlyTensorSpan<float> weights, ReadOnlySpan<int> steps, ReadOnlySpan<int> keys, in ReadOnlyTensorSpan<float> penaltiesGradient,
        in TensorSpan<float> weightsGradient, in AttentionOptions options = default)
    {
        Check(weights, steps, keys, options);
        Guard.Shape(penaltiesGradient, [weights.Lengths[0]], nameof(penaltiesGradient), "[batch]");
        Guard.Shape(weightsGradient, weights.Lengths, nameof(weightsGradient), WeightsShape);
        Guard.Disjoint(weightsGradient, nameof(weightsGradient), weights, nameof(weights));
        Guard.Disjoint(weightsGradient, nameof(weightsGradient), penaltiesGradient, nameof(penaltiesGradient));
        fixed (float* weightsAddress = weights, slopesAddress = penaltiesGradient, gradientAddress = weightsGradient)
        fixed (int* stepsAddress = steps, keysAddress = keys)
        {
            Problem problem = Describe(weights, weightsAddress, stepsAddress, keysAddress);
            problem.Penalties = slopesAddress;
            problem.IsBackward = true;
            problem.Gradient = AttentionCheck.Describe(weightsGradient);
            problem.Gradient.Address = gradientAddress;
            WidthJobs.Run(options.Width, new Job(problem, WidthJobs.Threads(weights.FlattenedLength, options.MaxDegreeOfParallelism)));
        }
    }

    private static void Check(in ReadOnlyTensorSpan<float> weights, ReadOnlySpan<int> steps, ReadOnlySpan<int> keys, in AttentionOptions options)
    {
        GivenScoresCheck.Scores(weights, nameof(weights), options);
        Lengths(steps, weights.Lengths[0], weights.Lengths[2], nameof(steps));
        Lengths(keys, weights.Lengths[0], weights.Lengths[3], nameof(keys));
    }

    private static void Lengths(ReadOnlySpan<int> lengths, nint batch, nint most, string parameter)
    {
        if (lengths.Length != 0 && lengths.Length != batch)
        {
            Throw.Argument(parameter, $"'{parameter}' has {lengths.Length} elements; expected {batch}, one for each batch element, or none.");
        }

        foreach (int length in lengths)
        {
            if (length < 0 || length > most)
            {
                Throw.OutOfRange(parameter, length, $"'{parameter}' has {length}; expected a length from 0 to {most}.");
            }
        }
    }

    private static Problem Describe(in ReadOnlyTensorSpan<float> weights, float* address, int* steps, int* keys)
    {
        Problem problem = new()
        {
            Batch = (int)weights.Lengths[0],
            Heads = (int)weights.Lengths[1],
            StepLength = (int)weights.Lengths[2],
            KeyLength = (int)weights.Lengths[3],
            Weights = AttentionCheck.Describe(weights),
            Steps = steps,
            Keys = keys,
        };
        problem.Weights.Address = address;
        return problem;
    }

    private struct Problem
    {
        internal int Batch;
        internal int Heads;
        internal int StepLength;
        internal int KeyLength;
        internal Tiles.Operand Weights;
        internal int* Steps;
        internal int* Keys;

        /// <summary>The penalties forward, their gradient backward.</summary>
        internal float* Penalties;

        /// <summary>Told apart by this: an empty gradient has no address either.</summary>
        internal bool IsBackward;
        internal Tiles.Operand Gradient;
    }

    private readonly struct Job(Problem problem, int threads) : IWidthJob
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(new Sequences<TSimd, TVector>(problem), problem.Batch, threads);
    }

    /// <summary>One batch element a piece.</summary>
    private readonly struct Sequences<TSimd, TVector>(Problem problem) : IParallelAction
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        public void Invoke(int index)
        {
            int steps = problem.Steps == null ? problem.StepLength : problem.Steps[index];
            int keys = problem.Keys == null ? problem.KeyLength : problem.Keys[index];
            using Scratch.Rental rest = Scratch.Rent(problem.KeyLength);
            double penalty = 0;
            for (int head = 0; head < problem.Heads; head++)
            {
                new Span<float>(rest.Memory, keys).Fill(1f);
                for (int step = 0; step < steps; step++)
                {
                    Subtract(problem.Weights.At(index, head, step), rest.Memory, keys);
                }

                if (problem.IsBackward)
                {
                    Write(index, head, steps, keys, rest.Memory);
                }
                else
                {
                    penalty += Numerics.Reductions.SumOfSquares<TSimd, TVector>(rest.Memory, keys);
                }
            }

            if (!problem.IsBackward)
            {
                problem.Penalties[index] = (float)penalty;
            }
        }

        private void Write(int batch, int head, int steps, int keys, float* rest)
        {
            float slope = -2f * problem.Penalties[batch];
            for (int key = 0; key < keys; key++)
            {
                rest[key] *= slope;
            }

            for (int step = 0; step < problem.StepLength; step++)
            {
                Span<float> row = new(problem.Gradient.At(batch, head, step), problem.KeyLength);
                int count = step < steps ? keys : 0;
                new ReadOnlySpan<float>(rest, count).CopyTo(row);
                row[count..].Clear();
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Subtract(float* weights, float* rest, int count)
        {
            int key = 0;
            for (; key <= count - TSimd.Count; key += TSimd.Count)
            {
                TSimd.Store(TSimd.Subtract(TSimd.Load(rest + key), TSimd.Load(weights + key)), rest + key);
            }

            for (; key < count; key++)
            {
                rest[key] -= weights[key];
            }
        }
    }
}
