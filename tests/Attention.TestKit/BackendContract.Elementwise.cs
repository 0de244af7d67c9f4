using Attention.Backends;
using Attention.Operators;

namespace Attention.TestKit;

public sealed partial class BackendContract
{
    /// <summary>A shape and one that is repeated to it.</summary>
    private static readonly (nint[] Full, nint[] Small)[] s_broadcasts =
    [
        ([7], [7]),
        ([5], [1]),
        ([3, 17], [3, 17]),
        ([3, 17], [17]),
        ([3, 17], [3, 1]),
        ([2, 3, 33], [3, 1]),
        ([4, 1, 5], [1, 1, 5]),
        ([2, 3, 4, 5], [2, 1, 4, 1]),
        ([0, 3], [3]),
        ([0, 3], [1, 3]),
        ([2, 0], [2, 1]),
    ];

    public void Accumulate_copies_scales_adds_and_repeats()
    {
        foreach ((nint[] full, nint[] small) in s_broadcasts)
        {
            foreach (DeviceLayout layout in s_layouts)
            {
                PlainTensor numbers = Numbers(small);
                DeviceTensor source = Put(numbers, layout);
                foreach (DeviceLayout target in s_layouts)
                {
                    CheckBetas(
                        $"accumulate {layout} to {target}", target, full,
                        (destination, beta) => _backend.Accumulate(source, destination, -1.5f, beta),
                        all => all[0].Scale(-1.5).BroadcastTo(full),
                        numbers);
                }
            }
        }
    }

    public void Multiply_repeats_both_factors()
    {
        foreach ((nint[] full, nint[] small) in s_broadcasts)
        {
            foreach (DeviceLayout layout in s_layouts)
            {
                (PlainTensor large, PlainTensor factor) = (Numbers(full), Numbers(small));
                (DeviceTensor left, DeviceTensor right) = (Put(large, layout), Put(factor, layout));
                CheckBetas(
                    $"multiply {layout}", DeviceLayout.Contiguous, full,
                    (destination, beta) => _backend.Multiply(left, right, destination, beta),
                    all => all[0].Multiply(all[1]), large, factor);
                CheckBetas(
                    $"multiply to {layout}", layout, full,
                    (destination, beta) => _backend.Multiply(right, left, destination, beta),
                    all => all[0].Multiply(all[1]), large, factor);
                CheckBetas(
                    $"square {layout}", layout, full,
                    (destination, beta) => _backend.Multiply(right, right, destination, beta),
                    all => all[0].Multiply(all[0]).BroadcastTo(full), factor);
            }
        }
    }

    public void Sum_goes_over_the_axes_that_the_destination_lacks()
    {
        foreach ((nint[] full, nint[] small) in s_broadcasts.Append(([9, 71, 3], [1])).Append(([211, 6], [6])))
        {
            foreach (DeviceLayout layout in s_layouts)
            {
                PlainTensor numbers = Numbers(full);
                DeviceTensor source = Put(numbers, layout);
                CheckBetas(
                    $"sum {layout}", DeviceLayout.Contiguous, small,
                    (destination, beta) => _backend.Sum(source, destination, 0.75f, beta),
                    all => all[0].SumTo(small).Scale(0.75), numbers);
                CheckBetas(
                    $"sum to {layout}", layout, small,
                    (destination, beta) => _backend.Sum(source, destination, 1, beta), all => all[0].SumTo(small), numbers);
            }
        }
    }

    public void SumOfSquares_brings_one_number()
    {
        foreach (nint[] shape in s_shapes)
        {
            foreach (DeviceLayout layout in s_layouts)
            {
                PlainTensor numbers = Numbers(shape);
                float sum = (float)_backend.SumOfSquares(Put(numbers, layout));
                PlainFormula.Check($"squares {layout}", [sum], static all => all[0].Multiply(all[0]).SumTo(1), numbers);
            }
        }
    }

    public void Activations_and_their_gradients()
    {
        foreach (ActivationKind kind in Enum.GetValues<ActivationKind>())
        {
            foreach (nint[] shape in s_shapes)
            {
                foreach (DeviceLayout layout in s_layouts)
                {
                    (PlainTensor arguments, PlainTensor gradients) = (Numbers(shape), Numbers(shape));
                    DeviceTensor input = Put(arguments, layout);
                    DeviceTensor gradient = Put(gradients);
                    CheckOverwrite(
                        $"{kind} {layout}", layout, shape,
                        output => _backend.Activate(kind, input, output), all => all[0].Activate(kind), arguments);
                    CheckBetas(
                        $"gradient of {kind} {layout}", layout, shape,
                        (destination, beta) => _backend.ActivateBackward(kind, input, gradient, destination, beta),
                        all => all[1].Multiply(all[0].ActivateDerivative(kind)), arguments, gradients);
                }
            }
        }
    }

    public void Drop_keeps_or_drops_each_number_by_seed_and_place_alone()
    {
        const float Probability = 0.25f;
        nint[] shape = [13, 7, 11];
        PlainTensor ones = Numbers(shape).Map(static _ => 1);
        float[] kept = Dropped(ones, DeviceLayout.Contiguous, 5);
        Require(kept.All(static x => x is 0 or 1 / (1 - Probability)), "A dropped one is neither 0 nor 1 / (1 - probability).");
        double share = kept.Count(static x => x == 0) / (double)kept.Length;

        // A thousand draws: the share has a deviation of 0.014, and seven of them happen to nobody.
        Require(Math.Abs(share - Probability) < 0.1, $"A share of {share} was dropped, not about {Probability}.");
        Require(!Dropped(ones, DeviceLayout.Contiguous, 6).SequenceEqual(kept), "Another seed drops the same numbers.");
        foreach (DeviceLayout layout in s_layouts)
        {
            PlainTensor numbers = Numbers(shape);
            DeviceTensor input = Put(numbers, layout);
            PlainTensor factors = new(kept, shape);
            CheckBetas(
                $"drop {layout}", layout, shape, (output, beta) => _backend.Drop(input, Probability, 5, output, beta),
                all => all[0].Multiply(factors), numbers);
            CheckBetas($"drop none {layout}", layout, shape, (output, beta) => _backend.Drop(input, 0, 5, output, beta), all => all[0], numbers);
            CheckBetas(
                $"drop all {layout}", layout, shape, (output, beta) => _backend.Drop(input, 1, 5, output, beta),
                all => all[0].Scale(0), numbers);
        }

        float[] Dropped(PlainTensor numbers, DeviceLayout layout, ulong seed)
        {
            PlacedTensor output = Poisoned(layout, numbers.Lengths);
            _backend.Drop(Put(numbers, layout), Probability, seed, output.Tensor);
            return output.Take("drop");
        }
    }
}
