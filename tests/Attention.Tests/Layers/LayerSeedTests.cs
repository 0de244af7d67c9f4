using Attention.Autodiff;
using Attention.Layers;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>What training begins with.</summary>
public class LayerSeedTests
{
    private static readonly TransformerOptions s_options = new()
    {
        Attention = new MultiHeadAttentionOptions { ModelSize = 8, Heads = 2, HasOutputGate = true },
        FeedForwardSize = 8,
        FeedForward = FeedForwardKind.SwiGlu,
        Seed = 4,
    };

    [Fact]
    public void TheSameSeed_GivesTheSameBits_AndAnotherSeedOthers()
    {
        using var first = new Transformer(2, 2, s_options);
        using var second = new Transformer(2, 2, s_options);
        using var other = new Transformer(2, 2, s_options with { Seed = 5 });
        Dictionary<string, float[]> expected = LayerNumbers.Parameters(first);

        foreach ((string name, float[] values) in LayerNumbers.Parameters(second))
        {
            Tolerance.SameBits(name, values, expected[name]);
        }

        foreach ((string name, float[] values) in LayerNumbers.Parameters(other).Where(IsMatrix))
        {
            values.Should().NotEqual(expected[name]);
        }
    }

    [Fact]
    public void NoTwoParts_BeginAlike()
    {
        using var model = new Transformer(2, 2, s_options);

        // Every projection is 8 by 8, the packed ones three of them, so that equal beginnings would be seen.
        float[][] projections = [.. LayerNumbers.Parameters(model).Where(IsMatrix).SelectMany(entry => entry.Value.Chunk(64))];

        projections.Should().HaveCount(2 * 8 + 2 * 13);
        projections.Select(values => string.Join(' ', values)).Should().OnlyHaveUniqueItems();
    }

    [Fact]
    public void WeightsAreGlorotUniform_WithEachProjectionsOwnFans()
    {
        using var layer = new MultiHeadAttention(new MultiHeadAttentionOptions { ModelSize = 64, Heads = 4, KeyValueHeads = 1 });
        Dictionary<string, float[]> parameters = LayerNumbers.Parameters(layer);
        float[] packed = parameters["in_proj_weight"];

        CheckUniform(packed.AsSpan(0, 64 * 64), MathF.Sqrt(6f / (64 + 64)));
        CheckUniform(packed.AsSpan(64 * 64, 16 * 64), MathF.Sqrt(6f / (64 + 16)));
        CheckUniform(packed.AsSpan(80 * 64, 16 * 64), MathF.Sqrt(6f / (64 + 16)));
        CheckUniform(parameters["out_proj.weight"], MathF.Sqrt(6f / (64 + 64)));
        parameters["in_proj_bias"].Should().OnlyContain(number => number == 0);
        parameters["out_proj.bias"].Should().OnlyContain(number => number == 0);
    }

    [Fact]
    public void TablesAreNormal_AndNormsOnesAndZeros()
    {
        using var embedding = new Embedding(100, 100, deviation: 0.5f);
        using var positions = new LearnedPositions(100, 100);
        using var norm = new LayerNorm(7);
        using var rootNorm = new RmsNorm(7);

        Deviation(embedding.Weight).Should().BeApproximately(0.5, 0.02);
        Deviation(positions.Weight).Should().BeApproximately(0.02, 0.0008);
        norm.Weight.Data.ToArray().Should().OnlyContain(number => number == 1);
        norm.Bias!.Data.ToArray().Should().OnlyContain(number => number == 0);
        rootNorm.Weight.Data.ToArray().Should().OnlyContain(number => number == 1);
    }

    private static bool IsMatrix(KeyValuePair<string, float[]> entry) => entry.Value.Length >= 64;

    private static double Deviation(Parameter parameter) => Math.Sqrt(parameter.Data.ToArray().Average(number => (double)number * number));

    /// <summary>All within the bound, and about a twentieth of them near it on each side.</summary>
    private static void CheckUniform(ReadOnlySpan<float> values, float bound)
    {
        float[] numbers = values.ToArray();
        numbers.Should().OnlyContain(number => Math.Abs(number) <= bound);
        numbers.Count(number => number > 0.9f * bound).Should().BeInRange(numbers.Length / 40, numbers.Length / 13);
        numbers.Count(number => number < -0.9f * bound).Should().BeInRange(numbers.Length / 40, numbers.Length / 13);
    }

    [Fact]
    public void NeighbouringSeeds_ShareNoPart()
    {
        HashSet<string> attention = [];
        HashSet<string> feedForward = [];
        for (ulong seed = 0; seed < 3; seed++)
        {
            using MultiHeadAttention layer = new(s_options.Attention with { Seed = seed });
            using FeedForward block = new(8, 8, FeedForwardKind.SwiGlu, seed: seed);
            Remember(attention, LayerNumbers.Parameters(layer)["in_proj_weight"].Chunk(64));
            Remember(feedForward, LayerNumbers.Parameters(block).Where(IsMatrix).Select(static entry => entry.Value));
        }

        static void Remember(HashSet<string> seen, IEnumerable<float[]> parts)
        {
            foreach (float[] part in parts)
            {
                seen.Add(string.Join(' ', part.Take(8))).Should().BeTrue("each part begins in its own way");
            }
        }
    }
}
