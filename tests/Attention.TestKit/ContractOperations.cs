using Attention.Backends;
using Attention.Operators;
using Attention.Policies;

namespace Attention.TestKit;

/// <summary>Every operation of <see cref="IComputeBackend"/> that takes tensors, with shapes that fit.</summary>
internal static class ContractOperations
{
    private static readonly nint[] s_query = [2, 4, 3, 8];
    private static readonly nint[] s_key = [2, 4, 5, 8];
    private static readonly nint[] s_value = [2, 4, 5, 6];
    private static readonly nint[] s_output = [2, 4, 3, 6];

    internal static IEnumerable<ContractOperation> All => [.. Memory(), .. Elementwise(), .. Rows(), .. Attention()];

    private static IEnumerable<ContractOperation> Memory()
    {
        yield return new("Upload", [Written("destination", 2, 3)], static (backend, t) => backend.Upload(new float[6], t[0]));
        yield return new("Download", [Read("source", 2, 3)], static (backend, t) => backend.Download(t[0], new float[6]));
        yield return new("Fill", [Written("destination", 2, 3)], static (backend, t) => backend.Fill(t[0], 1));
    }

    private static IEnumerable<ContractOperation> Elementwise()
    {
        yield return new("Accumulate", [Read("source", 2, 3), Written("destination", 2, 3)], static (backend, t) => backend.Accumulate(t[0], t[1]));
        yield return new(
            "Multiply", [Read("left", 2, 3), Read("right", 2, 3), Written("destination", 2, 3)],
            static (backend, t) => backend.Multiply(t[0], t[1], t[2]));
        yield return new("Sum", [Read("source", 2, 3), Written("destination", 3)], static (backend, t) => backend.Sum(t[0], t[1]));
        yield return new("SumOfSquares", [Read("source", 2, 3)], static (backend, t) => backend.SumOfSquares(t[0]));
        yield return new(
            "Activate", [Read("input", 2, 3), Written("output", 2, 3)], static (backend, t) => backend.Activate(ActivationKind.Silu, t[0], t[1]));
        yield return new(
            "ActivateBackward", [Read("input", 2, 3), Read("outputGradient", 2, 3), Written("inputGradient", 2, 3)],
            static (backend, t) => backend.ActivateBackward(ActivationKind.Silu, t[0], t[1], t[2]));
        yield return new("Drop", [Read("input", 2, 3), Written("output", 2, 3)], static (backend, t) => backend.Drop(t[0], 0.5f, 1, t[1]));
        yield return new(
            "AdamUpdate",
            [Written("parameter", 2, 3), Read("gradient", 2, 3), Written("firstMoment", 2, 3), Written("secondMoment", 2, 3)],
            static (backend, t) => backend.AdamUpdate(t[0], t[1], t[2], t[3], new AdamStep(0.1f, 0.9f, 0.99f, 1e-8f, 0, 1, 1)));
    }

    private static IEnumerable<ContractOperation> Rows()
    {
        yield return new(
            "MatrixMultiply", [Read("left", 2, 3), Read("right", 3, 5), Written("destination", 2, 5)],
            static (backend, t) => backend.MatrixMultiply(t[0], t[1], t[2]));
        yield return new(
            "Linear", [Read("input", 2, 3), Read("weight", 5, 3), Read("bias", 5), Written("output", 2, 5)],
            static (backend, t) => backend.Linear(t[0], t[1], t[2], t[3]));
        yield return new(
            "Normalize", [Read("input", 2, 3), Read("weight", 3), Read("bias", 3), Written("output", 2, 3)],
            static (backend, t) => backend.Normalize(NormalizationKind.Layer, t[0], t[1], t[2], 1e-5f, t[3]));
        yield return new(
            "NormalizeBackward",
            [
                Read("input", 2, 3), Read("weight", 3), Read("outputGradient", 2, 3), Written("inputGradient", 2, 3),
                Written("weightGradient", 3), Written("biasGradient", 3),
            ],
            static (backend, t) => backend.NormalizeBackward(NormalizationKind.Layer, t[0], t[1], 1e-5f, t[2], t[3], t[4], t[5]));
        yield return new(
            "Gather", [Read("table", 5, 3), Written("output", 2, 3)], static (backend, t) => backend.Gather(t[0], [4, 1], t[1]));
        yield return new(
            "GatherBackward", [Read("outputGradient", 2, 3), Written("tableGradient", 5, 3)],
            static (backend, t) => backend.GatherBackward([4, 1], t[0], t[1]));
        yield return new(
            "CrossEntropy", [Read("logits", 2, 5), Written("losses", 2)], static (backend, t) => backend.CrossEntropy(t[0], [4, 1], 0, t[1]));
        yield return new(
            "CrossEntropyBackward", [Read("logits", 2, 5), Read("lossGradients", 2), Written("logitsGradient", 2, 5)],
            static (backend, t) => backend.CrossEntropyBackward(t[0], [4, 1], 0, t[1], t[2]));
    }

    private static IEnumerable<ContractOperation> Attention()
    {
        ContractOperand[] inputs = [Read("query", s_query), Read("key", s_key), Read("value", s_value), Read("bias", 3, 5), Read("sinkLogits", 4)];
        yield return new(
            "AttentionForward", [.. inputs, Written("output", s_output), Written("logSumExp", s_output[..3])],
            static (backend, t) => backend.AttentionForward(Tensors(t), default(NoMask), default(NoModifier), t[5], t[6], default));
        yield return new(
            "AttentionBackward",
            [
                .. inputs, Read("output", s_output), Read("logSumExp", s_output[..3]), Read("outputGradient", s_output),
                Written("queryGradient", s_query), Written("keyGradient", s_key), Written("valueGradient", s_value),
                Written("biasGradient", 3, 5), Written("sinkLogitsGradient", 4),
            ],
            static (backend, t) => backend.AttentionBackward(
                Tensors(t), default(NoMask), default(NoModifier), t[5], t[6], t[7], Tensors(t[8..]), default));
        yield return new(
            "AttentionWeights", [.. inputs[..2], .. inputs[3..], Written("weights", 2, 4, 3, 5)],
            static (backend, t) => backend.AttentionWeights(
                new AttentionTensors { Query = t[0], Key = t[1], Value = t[1], Bias = t[2], SinkLogits = t[3] },
                default(NoMask), default(NoModifier), [], t[4], default));
    }

    private static AttentionTensors Tensors(DeviceTensor[] tensors) =>
        new() { Query = tensors[0], Key = tensors[1], Value = tensors[2], Bias = tensors[3], SinkLogits = tensors[4] };

    private static ContractOperand Read(string name, params nint[] lengths) => new(name, lengths);

    private static ContractOperand Written(string name, params nint[] lengths) => new(name, lengths, IsWritten: true);
}
