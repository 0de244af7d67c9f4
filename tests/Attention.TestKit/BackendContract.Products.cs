using Attention.Backends;

namespace Attention.TestKit;

public sealed partial class BackendContract
{
    public void MatrixMultiply_of_matrices_and_batches()
    {
        (nint[] Left, nint[] Right, nint[] Destination)[] shapes =
        [
            ([1, 1], [1, 1], [1, 1]),
            ([3, 5], [5, 7], [3, 7]),
            ([17, 33], [33, 9], [17, 9]),
            ([2, 3, 4], [2, 4, 5], [2, 3, 5]),
            ([2, 3, 7, 4], [2, 3, 4, 5], [2, 3, 7, 5]),
            ([2, 3, 4], [4, 5], [2, 3, 5]),
            ([3, 0], [0, 4], [3, 4]),
            ([0, 3], [3, 4], [0, 4]),
            ([3, 4], [4, 0], [3, 0]),
            ([0, 3, 4], [0, 4, 5], [0, 3, 5]),
        ];
        foreach ((nint[] leftShape, nint[] rightShape, nint[] shape) in shapes)
        {
            foreach (DeviceLayout layout in s_layouts)
            {
                (PlainTensor a, PlainTensor b) = (Numbers(leftShape), Numbers(rightShape));
                (DeviceTensor left, DeviceTensor right) = (Put(a, layout), Put(b, layout));
                foreach (DeviceLayout target in s_layouts)
                {
                    CheckBetas(
                        $"product {layout} to {target}", target, shape,
                        (destination, beta) => _backend.MatrixMultiply(left, right, destination, 0.5f, beta),
                        all => all[0].MatrixMultiply(all[1]).Scale(0.5), a, b);
                }

                DeviceTensor turned = Put(a.Transpose(leftShape.Length - 1, leftShape.Length - 2), layout);
                using DeviceTensor back = turned.Transpose(-2, -1);
                CheckOverwrite(
                    $"product of a transposed view {layout}", layout, shape, destination => _backend.MatrixMultiply(back, right, destination),
                    all => all[0].MatrixMultiply(all[1]), a, b);
            }
        }
    }

    public void Linear_with_and_without_bias()
    {
        (nint, nint, nint)[] sizes = [(1, 1, 1), (5, 7, 3), (33, 17, 19), (0, 4, 3), (4, 3, 0)];
        foreach ((nint rows, nint inputSize, nint outputSize) in sizes)
        {
            foreach (DeviceLayout layout in s_rowLayouts)
            {
                (PlainTensor x, PlainTensor w, PlainTensor b) = (Numbers(rows, inputSize), Numbers(outputSize, inputSize), Numbers(outputSize));
                (DeviceTensor input, DeviceTensor weight, DeviceTensor bias) = (Put(x, layout), Put(w, layout), Put(b));
                CheckOverwrite(
                    $"linear {layout}", layout, [rows, outputSize], output => _backend.Linear(input, weight, null, output),
                    all => all[0].MatrixMultiply(all[1].Transpose(0, 1)), x, w);
                CheckOverwrite(
                    $"linear with bias {layout}", layout, [rows, outputSize], output => _backend.Linear(input, weight, bias, output),
                    all => all[0].MatrixMultiply(all[1].Transpose(0, 1)).Add(all[2]), x, w, b);
            }
        }
    }
}
