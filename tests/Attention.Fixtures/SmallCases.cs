using static TorchSharp.torch;

namespace Attention.Fixtures;

/// <summary>The layers around attention, each small: nn.LayerNorm, nn.Linear, nn.Embedding.</summary>
internal static class SmallCases
{
    internal static void Fill(FixtureFile file)
    {
        Norm(file.Case("layer_norm", 401));
        Project(file.Case("linear", 402), bias: true);
        Project(file.Case("linear_without_bias", 403), bias: false);
        Embed(file.Case("embedding", 404));
    }

    private static void Norm(FixtureCase @case)
    {
        using var norm = nn.LayerNorm(13);
        @case.Weights(norm);
        @case.Output(norm.call(@case.Input("input", 3, 5, 13)));
    }

    private static void Project(FixtureCase @case, bool bias)
    {
        using var linear = nn.Linear(13, 9, bias);
        @case.Weights(linear);
        @case.Output(linear.call(@case.Input("input", 3, 5, 13)));
    }

    private static void Embed(FixtureCase @case)
    {
        using var embedding = nn.Embedding(11, 6);
        @case.Weights(embedding);

        // One index is there three times, so that its gradients add up; some are not there at all.
        Tensor indices = tensor((long[])[3, 0, 7, 3, 10, 3, 1, 0], [2, 4]);
        @case.Output(embedding.call(@case.Constant("indices", indices)));
    }
}
