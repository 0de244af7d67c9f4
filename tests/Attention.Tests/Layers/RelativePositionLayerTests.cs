using Attention.Autodiff;
using Attention.Backends;
using Attention.Caching;
using Attention.Layers;
using Attention.Policies;
using Attention.Positions;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>What a layer with relative positions refuses, saves, and moves.</summary>
public sealed class RelativePositionLayerTests
{
    private static readonly MultiHeadAttentionOptions s_options = new() { ModelSize = 8, Heads = 2, MaxRelativeDistance = 3 };

    public static TheoryData<RelativePositions> Kinds => [RelativePositions.Clipped, RelativePositions.TransformerXl];

    [Fact]
    public void Parameters_HaveTheirNames()
    {
        Names(RelativePositions.None).Should().NotContain(name => name.StartsWith("relative", StringComparison.Ordinal));
        Names(RelativePositions.Clipped).Should().Contain(["relative_key", "relative_value"]);
        Names(RelativePositions.TransformerXl).Should().Contain(["relative_proj.weight", "content_bias", "position_bias"]);

        static string[] Names(RelativePositions positions)
        {
            using MultiHeadAttention layer = new(s_options with { RelativePositions = positions });
            return [.. layer.NamedParameters().Select(static parameter => parameter.Key)];
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ModifiersBiasesCachesAndWeights_AreRefused(RelativePositions positions)
    {
        using MultiHeadAttention layer = new(s_options with { RelativePositions = positions });
        using Variable input = Variable.Constant(LayerNumbers.Tensor(1, 1, 3, 8));
        using Variable bias = Variable.Constant(LayerNumbers.Tensor(2, 1, 1, 3, 3));
        using ContiguousKvCache cache = new(layer.CacheOptions());
        int sequence = cache.Add();

        FluentActions.Invoking(() => layer.Forward(input, input, input, default(NoMask), new SoftCapModifier(2)))
            .Should().Throw<ArgumentException>().WithParameterName("modifier");
        FluentActions.Invoking(() => layer.Forward(input, input, input, default(NoMask), default(NoModifier), bias))
            .Should().Throw<ArgumentException>().WithParameterName("bias");
        FluentActions.Invoking(() => layer.Forward(input, cache, [sequence])).Should().Throw<NotSupportedException>();
        FluentActions.Invoking(() => layer.Weights(input, input, default(NoMask))).Should().Throw<NotSupportedException>();
        cache.Length(sequence).Should().Be(0);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void OptionsThatCannotGoTogether_AreRefused(RelativePositions positions)
    {
        MultiHeadAttentionOptions options = s_options with { RelativePositions = positions };
        foreach (MultiHeadAttentionOptions wrong in new[]
        {
            options with { Rotary = new Rotation(new RotaryTable(4), RotaryLayout.Half) },
            options with { MaxRelativeDistance = -1 },
            options with { RelativePositions = (RelativePositions)9 },
        })
        {
            FluentActions.Invoking(() => new MultiHeadAttention(wrong)).Should().Throw<ArgumentException>().WithParameterName("options");
        }
    }

    /// <summary>NaN in positions that are masked reaches nothing; a layer moves nothing but its sinusoids, and those once.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Padding_ChangesNoBit_AndNothingIsMoved(RelativePositions positions)
    {
        CountingBackend backend = new();
        using MultiHeadAttention layer = new(s_options with { RelativePositions = positions }, backend);
        float[] numbers = AttentionProblems.Normal(new Random(4), 5 * 8);
        float[] poisoned = [.. numbers];
        poisoned.AsSpan(3 * 8).Fill(float.NaN);
        using Variable clean = Variable.Constant(DeviceTensor.Create(backend, numbers, 1, 5, 8));
        using Variable dirty = Variable.Constant(DeviceTensor.Create(backend, poisoned, 1, 5, 8));
        using Variable query = clean.Slice(1, 0, 3);
        KeyLengthMask mask = new([3]);
        using Variable first = layer.Forward(query, clean, clean, mask);
        long uploaded = backend.Uploaded;

        using Variable second = layer.Forward(query, dirty, dirty, mask);

        backend.Uploaded.Should().Be(uploaded);
        backend.Downloaded.Should().Be(0);
        Tolerance.SameBits("output", second.Data.ToArray(), first.Data.ToArray());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void SavedAndLoaded_GivesTheSameBits(RelativePositions positions)
    {
        using MultiHeadAttention layer = new(s_options with { RelativePositions = positions, Seed = 1 });
        using MultiHeadAttention other = new(s_options with { RelativePositions = positions, Seed = 2 });
        using Variable input = Variable.Constant(LayerNumbers.Tensor(1, 2, 4, 8));
        using TemporaryFolder folder = new();
        string path = folder.File("layer.safetensors");
        layer.Save(path);

        other.Load(path);

        using Variable expected = layer.Forward(input);
        using Variable actual = other.Forward(input);
        Tolerance.SameBits("output", actual.Data.ToArray(), expected.Data.ToArray());
    }

    [Fact]
    public void Sinusoids_AreMovedOnceForTheLongestLength_AndGivenBack()
    {
        CountingBackend backend = new();
        int before = backend.LiveBuffers;
        using (MultiHeadAttention layer = new(s_options with { RelativePositions = RelativePositions.TransformerXl }, backend))
        {
            using Variable input = Variable.Constant(DeviceTensor.Create(backend, AttentionProblems.Normal(new Random(4), 7 * 8), 1, 7, 8));
            float[] first = Run(layer, input, 7);
            long uploaded = backend.Uploaded;

            Run(layer, input, 5);
            Run(layer, input, 6);
            Tolerance.SameBits("the longest again", Run(layer, input, 7), first);

            backend.Uploaded.Should().Be(uploaded);
        }

        backend.LiveBuffers.Should().Be(before);

        static float[] Run(MultiHeadAttention layer, Variable input, int length)
        {
            using Variable part = input.Slice(1, 0, length);
            using Variable output = layer.Forward(part);
            return output.Data.ToArray();
        }
    }

    /// <summary>Distances to the memory mean nothing; they would make a target depend on how many follow it.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void ADecodersCrossAttention_HasNone(RelativePositions positions)
    {
        TransformerOptions options = new() { Attention = s_options with { RelativePositions = positions }, FeedForwardSize = 8 };
        using TransformerDecoderLayer layer = new(options);
        using Variable memory = Variable.Constant(LayerNumbers.Tensor(2, 1, 10, 8));
        using Variable target = Variable.Constant(LayerNumbers.Tensor(1, 1, 4, 8));
        using Variable start = target.Slice(1, 0, 1);
        using Variable all = layer.Forward(target, memory, CausalMask.TopLeft, default(NoMask));
        using Variable alone = layer.Forward(start, memory, CausalMask.TopLeft, default(NoMask));
        using Variable firstOfAll = all.Slice(1, 0, 1);

        Tolerance.Reordered("first target", firstOfAll.Data.ToArray(), alone.Data.ToArray());
    }
}
