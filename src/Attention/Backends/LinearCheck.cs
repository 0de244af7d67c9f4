using System.Numerics.Tensors;

namespace Attention.Backends;

/// <summary>What a linear layer asks of its tensors. It is two computations, so the second one's checks would come too late.</summary>
internal static class LinearCheck
{
    /// <param name="input"><c>[rows, inputSize]</c>.</param>
    /// <param name="weight"><c>[outputSize, inputSize]</c>.</param>
    /// <param name="bias"><c>[outputSize]</c>, or absent.</param>
    /// <param name="output"><c>[rows, outputSize]</c>.</param>
    internal static void Arguments(
        in ReadOnlyTensorSpan<float> input, in ReadOnlyTensorSpan<float> weight, in ReadOnlyTensorSpan<float> bias,
        in ReadOnlyTensorSpan<float> output)
    {
        Rank(input, 2, nameof(input), "[rows, inputSize]");
        Rank(weight, 2, nameof(weight), "[outputSize, inputSize]");
        Guard.Shape(weight, [weight.Lengths[0], input.Lengths[1]], nameof(weight), "[outputSize, inputSize]");
        Guard.Shape(output, [input.Lengths[0], weight.Lengths[0]], nameof(output), "[rows, outputSize]");
        Guard.Disjoint(output, nameof(output), input, nameof(input));
        Guard.Disjoint(output, nameof(output), weight, nameof(weight));
        if (bias.Rank != 0)
        {
            Guard.Shape(bias, [weight.Lengths[0]], nameof(bias), "[outputSize]");
            Guard.Disjoint(output, nameof(output), bias, nameof(bias));
        }
    }

    private static void Rank(in ReadOnlyTensorSpan<float> tensor, int rank, string parameter, string meaning)
    {
        if (tensor.Rank != rank)
        {
            Throw.Argument(parameter, $"'{parameter}' has shape {Guard.Text(tensor.Lengths)}; expected {meaning}.");
        }
    }
}
