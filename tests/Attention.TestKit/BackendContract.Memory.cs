using Attention.Backends;

namespace Attention.TestKit;

public sealed partial class BackendContract
{
    private static readonly nint[][] s_shapes = [[1], [7], [2, 3], [1, 5], [4, 1], [3, 17, 5], [2, 1, 3, 19], [0], [3, 0], [0, 4, 2]];

    public void Download_gives_what_was_uploaded()
    {
        foreach (nint[] shape in s_shapes)
        {
            foreach (DeviceLayout layout in s_layouts)
            {
                PlainTensor numbers = Numbers(shape);
                PlacedTensor placed = Poisoned(layout, shape);
                _backend.Upload(numbers.Floats, placed.Tensor);
                Tolerance.SameBits($"{layout} of rank {shape.Length}", placed.Take("upload"), numbers.Floats);
            }
        }
    }

    public void Views_are_the_numbers_that_they_should_be()
    {
        PlainTensor numbers = Numbers(4, 6, 5);
        DeviceTensor tensor = Put(numbers);
        Same("slice", numbers.Slice(1, 2, 3), tensor.Slice(1, 2, 3));
        Same("slice of one", numbers.Slice(0, 3, 1), tensor.Slice(0, 3, 1));
        Same("slice of none", numbers.Slice(2, 5, 0), tensor.Slice(-1, 5, 0));
        Same("transpose", numbers.Transpose(0, 2), tensor.Transpose(0, -1));
        Same("reshape", numbers.Reshape(8, 15), tensor.Reshape(-1, 15));
        using DeviceTensor part = tensor.Slice(2, 1, 3);
        using DeviceTensor turned = part.Transpose(0, 1);
        Same("slice, transpose, slice", numbers.Slice(2, 1, 3).Transpose(0, 1).Slice(0, 4, 2), turned.Slice(0, 4, 2));
        Same("slice, reshape", numbers.Slice(2, 1, 3).Reshape(24, 3), part.Reshape(24, 3));

        static void Same(string name, PlainTensor expected, DeviceTensor view)
        {
            using (view)
            {
                Tolerance.SameBits(name, view.ToArray(), expected.Floats);
            }
        }
    }

    public void Fill_sets_every_number_and_no_other()
    {
        foreach (nint[] shape in s_shapes)
        {
            foreach (DeviceLayout layout in s_layouts)
            {
                PlacedTensor placed = Poisoned(layout, shape);
                _backend.Fill(placed.Tensor, -2.5f);
                float[] expected = new float[placed.Tensor.Count];
                Array.Fill(expected, -2.5f);
                Tolerance.SameBits($"fill {layout} of rank {shape.Length}", placed.Take("fill"), expected);
            }
        }
    }

    public void Upload_and_download_want_the_right_count()
    {
        DeviceTensor tensor = Put(Numbers(2, 3));
        float[] before = tensor.ToArray();
        foreach (int count in new[] { 5, 7 })
        {
            RequireRefusal<ArgumentException>("Upload", "source", () => _backend.Upload(new float[count], tensor));
            float[] destination = new float[count];
            RequireRefusal<ArgumentException>("Download", "destination", () => _backend.Download(tensor, destination));
            Tolerance.SameBits("the host's memory", destination, new float[count]);
        }

        Tolerance.SameBits("the tensor", tensor.ToArray(), before);
    }

    public void Memory_belongs_to_the_backend_that_gave_it()
    {
        using DeviceTensor tensor = DeviceTensor.Allocate(_backend, 3, 5);
        Require(ReferenceEquals(tensor.Backend, _backend), "A tensor's backend is not the one that allocated it.");
        Require(ReferenceEquals(tensor.Buffer.Backend, _backend), "A buffer's backend is not the one that allocated it.");
        Require(tensor.Buffer.Length >= 15, "A buffer is shorter than what was asked for.");
        Require(_backend.Name.Length > 0, "The backend has no name.");
        using DeviceTensor empty = DeviceTensor.Allocate(_backend, 0);
        Require(empty.ToArray().Length == 0, "A tensor of nothing has numbers.");
    }

    public void Supports_answers_for_every_operation()
    {
        foreach (ComputeOperation operation in Enum.GetValues<ComputeOperation>())
        {
            BackendSupport support = _backend.Supports(new ComputeRequest(operation));
            Require(support.IsSupported || !string.IsNullOrEmpty(support.Reason), $"{operation} is not supported, without a reason.");
        }
    }
}
