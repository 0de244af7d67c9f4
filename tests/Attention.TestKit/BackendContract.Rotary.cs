using Attention.Backends;
using Attention.Positions;

namespace Attention.TestKit;

public sealed partial class BackendContract
{
    private static readonly nint[][] s_rotatedShapes = [[1, 1, 1, 2], [2, 3, 7, 8], [1, 2, 5, 17], [0, 2, 3, 4], [2, 1, 0, 4]];

    public void Rotate_by_offsets_and_positions_forth_and_back()
    {
        BackendSupport support = _backend.Supports(new ComputeRequest(ComputeOperation.Rotary));
        foreach (RotaryLayout layout in Enum.GetValues<RotaryLayout>())
        {
            foreach (nint[] shape in s_rotatedShapes)
            {
                // As many pairs as there are, or one less: the numbers behind them pass as they are.
                foreach (int size in new HashSet<int> { (int)shape[3] / 2 * 2, Math.Max(2, ((int)shape[3] / 2 * 2) - 2) })
                {
                    CheckRotations(support, new Rotation(new RotaryTable(size), layout), shape);
                }
            }
        }
    }

    private void CheckRotations(BackendSupport support, in Rotation rotation, nint[] shape)
    {
        int rows = (int)(shape[0] * shape[2]);
        int[] positions = [.. Enumerable.Range(0, rows).Select(row => ((row * 7) + 3) % 23)];
        foreach (bool inverse in new[] { false, true })
        {
            foreach (DeviceLayout layout in s_rowLayouts)
            {
                Check(rotation, [], 11, inverse, layout);
                if (rows > 0)
                {
                    Check(rotation, positions, 0, inverse, layout);
                }
            }
        }

        void Check(Rotation turn, int[] places, int offset, bool inverse, DeviceLayout layout)
        {
            PlainTensor x = Numbers(shape);
            DeviceTensor input = Put(x, layout);
            PlacedTensor output = Poisoned(layout, shape);
            string name = $"rotation {turn.Layout} of {turn.Table.RotarySize} in [{string.Join(", ", shape)}], {layout}, inverse {inverse}";
            if (!support.IsSupported)
            {
                RequireNotSupported(name, support.Reason, () => _backend.Rotate(input, turn, places, offset, inverse, output.Tensor));
                return;
            }

            _backend.Rotate(input, turn, places, offset, inverse, output.Tensor);
            PlainFormula.Check(name, output.Take(name), all => Rotated(all[0], turn, places, offset, inverse), x);
        }
    }

    /// <summary>Calls what a backend says that it does not offer.</summary>
    private static void RequireNotSupported(string operation, string? reason, Action call)
    {
        try
        {
            call();
        }
        catch (NotSupportedException exception)
        {
            Require(!string.IsNullOrEmpty(reason) && exception.Message == reason, $"{operation}: '{exception.Message}' is not the reason given, '{reason}'.");
            return;
        }

        throw new ToleranceException($"{operation} is computed although the backend says that it does not offer it.");
    }

    private static PlainTensor Rotated(PlainTensor x, in Rotation rotation, int[] positions, int offset, bool inverse)
    {
        (int heads, int length, int size) = ((int)x.Lengths[1], (int)x.Lengths[2], (int)x.Lengths[3]);
        int pairs = rotation.Table.RotarySize / 2;
        double[] turned = [.. x.Values];
        for (int row = 0; row < turned.Length / size; row++)
        {
            int step = row % length;
            int position = positions.Length == 0 ? offset + step : positions[(row / (heads * length) * length) + step];
            for (int pair = 0; pair < pairs; pair++)
            {
                bool neighbours = rotation.Layout == RotaryLayout.Interleaved;
                int first = (row * size) + (neighbours ? 2 * pair : pair);
                int second = neighbours ? first + 1 : first + pairs;
                double cosine = rotation.Table.Cosines(position)[pair];
                double sine = rotation.Table.Sines(position)[pair] * (inverse ? -1 : 1);
                turned[first] = x.Round((x.Values[first] * cosine) - (x.Values[second] * sine));
                turned[second] = x.Round((x.Values[first] * sine) + (x.Values[second] * cosine));
            }
        }

        return x.With(turned, x.Lengths);
    }
}
