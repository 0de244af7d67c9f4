using Attention.Backends;
using Attention.Operators;

namespace Attention.TestKit;

public sealed partial class BackendContract
{
    private const float Epsilon = 1e-5f;

    private static readonly nint[][] s_rowShapes = [[5], [1, 1], [3, 7], [2, 3, 33], [0, 6]];

    public void Normalize_every_row()
    {
        foreach (NormalizationKind kind in Enum.GetValues<NormalizationKind>())
        {
            foreach (nint[] shape in s_rowShapes)
            {
                foreach (DeviceLayout layout in s_rowLayouts)
                {
                    (PlainTensor x, PlainTensor w, PlainTensor b) = (Numbers(shape), Numbers(shape[^1]), Numbers(shape[^1]));
                    (DeviceTensor input, DeviceTensor weight, DeviceTensor bias) = (Put(x, layout), Put(w), Put(b));
                    CheckOverwrite(
                        $"{kind} {layout}", layout, shape, output => _backend.Normalize(kind, input, null, null, Epsilon, output),
                        all => all[0].Normalize(kind, Epsilon), x);
                    CheckOverwrite(
                        $"{kind} with weight {layout}", layout, shape, output => _backend.Normalize(kind, input, weight, null, Epsilon, output),
                        all => all[0].Normalize(kind, Epsilon).Multiply(all[1]), x, w);
                    CheckOverwrite(
                        $"{kind} with both {layout}", layout, shape, output => _backend.Normalize(kind, input, weight, bias, Epsilon, output),
                        all => all[0].Normalize(kind, Epsilon).Multiply(all[1]).Add(all[2]), x, w, b);
                }
            }
        }
    }

    public void NormalizeBackward_gives_each_gradient()
    {
        foreach (NormalizationKind kind in Enum.GetValues<NormalizationKind>())
        {
            foreach (nint[] shape in s_rowShapes)
            {
                foreach (DeviceLayout layout in s_rowLayouts)
                {
                    (PlainTensor x, PlainTensor w, PlainTensor g) = (Numbers(shape), Numbers(shape[^1]), Numbers(shape));
                    (DeviceTensor input, DeviceTensor weight, DeviceTensor gradient) = (Put(x, layout), Put(w), Put(g, layout));
                    CheckBetas(
                        $"{kind} by input {layout}", layout, shape,
                        (target, beta) => _backend.NormalizeBackward(kind, input, weight, Epsilon, gradient, target, null, null, beta),
                        all => all[0].NormalizeBackward(kind, all[1], Epsilon, all[2]).Input, x, w, g);
                    CheckBetas(
                        $"{kind} by weight {layout}", DeviceLayout.Contiguous, [shape[^1]],
                        (target, beta) => _backend.NormalizeBackward(kind, input, weight, Epsilon, gradient, null, target, null, 0, beta),
                        all => all[0].NormalizeBackward(kind, all[1], Epsilon, all[2]).Weight, x, w, g);
                    CheckBetas(
                        $"{kind} by bias {layout}", DeviceLayout.Contiguous, [shape[^1]],
                        (target, beta) => _backend.NormalizeBackward(kind, input, weight, Epsilon, gradient, null, null, target, 0, beta),
                        all => all[0].NormalizeBackward(kind, all[1], Epsilon, all[2]).Bias, x, w, g);
                    CheckBetas(
                        $"{kind} without weight, by input {layout}", layout, shape,
                        (target, beta) => _backend.NormalizeBackward(kind, input, null, Epsilon, gradient, target, null, null, beta),
                        all => all[0].NormalizeBackward(kind, w.Map(static _ => 1), Epsilon, all[1]).Input, x, g);
                }
            }
        }
    }

    public void NormalizeBackward_gives_all_gradients_at_once()
    {
        (PlainTensor x, PlainTensor w, PlainTensor g) = (Numbers(4, 19), Numbers(19), Numbers(4, 19));
        PlacedTensor input = Poisoned(DeviceLayout.Gaps, 4, 19);
        PlacedTensor weight = Place(new PlacedTensor(_backend, DeviceLayout.Contiguous, w));
        PlacedTensor bias = Place(new PlacedTensor(_backend, DeviceLayout.Contiguous, w));
        _backend.NormalizeBackward(
            NormalizationKind.Layer, Put(x), Put(w), Epsilon, Put(g), input.Tensor, weight.Tensor, bias.Tensor, 0, 1);
        PlainFormula.Check(
            "by input", input.Take("by input"), all => all[0].NormalizeBackward(NormalizationKind.Layer, all[1], Epsilon, all[2]).Input, x, w, g);
        PlainFormula.Check(
            "by weight", weight.Take("by weight"),
            all => all[0].NormalizeBackward(NormalizationKind.Layer, all[1], Epsilon, all[2]).Weight.Add(all[1]), x, w, g);
        PlainFormula.Check(
            "by bias", bias.Take("by bias"),
            all => all[0].NormalizeBackward(NormalizationKind.Layer, all[1], Epsilon, all[2]).Bias.Add(all[1]), x, w, g);
    }

    public void Gather_and_its_gradient()
    {
        foreach (int[] indices in new int[][] { [0], [4, 0, 2, 2, 2, 3], [] })
        {
            foreach (DeviceLayout layout in s_rowLayouts)
            {
                (PlainTensor numbers, PlainTensor g) = (Numbers(5, 7), Numbers(indices.Length, 7));
                (DeviceTensor table, DeviceTensor gradient) = (Put(numbers, layout), Put(g, layout));
                CheckOverwrite(
                    $"gather {layout}", layout, [indices.Length, 7], output => _backend.Gather(table, indices, output),
                    all => all[0].Gather(indices), numbers);
                CheckBetas(
                    $"gradient of gather {layout}", layout, [5, 7],
                    (destination, beta) => _backend.GatherBackward(indices, gradient, destination, beta),
                    all => all[0].Scatter(indices, 5), g);
            }
        }

        RequireRefusal<ArgumentException>("Gather", "indices", () => _backend.Gather(Put(Numbers(5, 7)), [5], Put(Numbers(1, 7))));
        RequireRefusal<ArgumentException>("Gather", "indices", () => _backend.Gather(Put(Numbers(5, 7)), [-1], Put(Numbers(1, 7))));
    }

    public void CrossEntropy_and_its_gradient()
    {
        foreach (float smoothing in new[] { 0, 0.1f })
        {
            foreach (int[] targets in new int[][] { [2], [0, 4, -1, 3, 1], [] })
            {
                foreach (DeviceLayout layout in s_rowLayouts)
                {
                    (PlainTensor z, PlainTensor g) = (Numbers(targets.Length, 5), Numbers(targets.Length));
                    (DeviceTensor logits, DeviceTensor gradient) = (Put(z, layout), Put(g));
                    CheckOverwrite(
                        $"cross-entropy {layout}", DeviceLayout.Contiguous, [targets.Length],
                        losses => _backend.CrossEntropy(logits, targets, smoothing, losses),
                        all => all[0].CrossEntropy(targets, smoothing), z);
                    CheckBetas(
                        $"gradient of cross-entropy {layout}", layout, [targets.Length, 5],
                        (destination, beta) => _backend.CrossEntropyBackward(logits, targets, smoothing, gradient, destination, beta),
                        all => all[0].CrossEntropyGradient(targets, smoothing).Multiply(all[1].Reshape(targets.Length, 1)), z, g);
                }
            }
        }

        RequireRefusal<ArgumentException>(
            "CrossEntropy", "targets", () => _backend.CrossEntropy(Put(Numbers(1, 5)), [5], 0, Put(Numbers(1))));
    }

    public void AdamUpdate_over_several_steps()
    {
        foreach (DeviceLayout layout in s_layouts)
        {
            (PlainTensor p, PlainTensor g) = (Numbers(3, 13), Numbers(3, 13));
            PlainTensor zeros = p.Scale(0);
            PlacedTensor[] placed = [.. new[] { p, zeros, zeros }.Select(values => Place(new PlacedTensor(_backend, layout, values)))];
            DeviceTensor gradient = Put(g, layout);
            for (int step = 1; step <= 3; step++)
            {
                _backend.AdamUpdate(placed[0].Tensor, gradient, placed[1].Tensor, placed[2].Tensor, Step(step));
            }

            for (int state = 0; state < 3; state++)
            {
                int chosen = state;
                PlainFormula.Check($"state {state} of Adam {layout}", placed[state].Take("Adam"), all => Adam(all[0], all[1])[chosen], p, g);
            }
        }

        static AdamStep Step(int step) => new(0.01f, 0.9f, 0.98f, 1e-8f, 0.1f, 0.5f, step);

        static PlainTensor[] Adam(PlainTensor parameter, PlainTensor gradient)
        {
            PlainTensor first = parameter.Scale(0);
            PlainTensor second = first;
            PlainTensor scaled = gradient.Scale(0.5);
            for (int number = 1; number <= 3; number++)
            {
                AdamStep step = Step(number);
                double firstShare = 1 - Math.Pow(step.Beta1, number);
                double secondShare = 1 - Math.Pow(step.Beta2, number);
                first = first.Scale(step.Beta1).Add(scaled.Scale(1 - step.Beta1));
                second = second.Scale(step.Beta2).Add(scaled.Multiply(scaled).Scale(1 - step.Beta2));
                PlainTensor root = second.Scale(1 / secondShare).Map(Math.Sqrt).Map(x => x + step.Epsilon);
                PlainTensor change = first.Scale(step.LearningRate / firstShare).Zip(root, static (x, y) => x / y);
                parameter = parameter.Scale(1 - (double)step.LearningRate * step.WeightDecay).Zip(change, static (x, y) => x - y);
            }

            return [parameter, first, second];
        }
    }
}
