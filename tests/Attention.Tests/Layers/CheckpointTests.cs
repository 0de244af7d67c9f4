using Attention.Backends;
using Attention.Layers;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>Parameters to files and back: all or nothing.</summary>
public class CheckpointTests
{
    private static readonly TransformerOptions s_options = new()
    {
        Attention = new MultiHeadAttentionOptions { ModelSize = 6, Heads = 2, HasQueryKeyNorm = true, HasOutputGate = true },
        FeedForwardSize = 5,
        FeedForward = FeedForwardKind.SwiGlu,
        NormOrder = NormOrder.Pre,
    };

    [Fact]
    public void SaveAndLoad_KeepEveryBit()
    {
        using var folder = new TemporaryFolder();
        using Transformer saved = LayerNumbers.Filled(new Transformer(2, 1, s_options), 1);
        using var loaded = new Transformer(2, 1, s_options with { Seed = 9 });
        saved.Save(folder.File("model.safetensors"));

        loaded.Load(folder.File("model.safetensors"));

        Dictionary<string, float[]> expected = LayerNumbers.Parameters(saved);
        Dictionary<string, float[]> actual = LayerNumbers.Parameters(loaded);
        actual.Keys.Should().Equal(expected.Keys);
        foreach ((string name, float[] values) in expected)
        {
            Tolerance.SameBits(name, actual[name], values);
        }
    }

    [Fact]
    public void Names_AreThoseOfPyTorch()
    {
        using var layer = new TransformerDecoderLayer(new TransformerOptions
        {
            Attention = new MultiHeadAttentionOptions { ModelSize = 6, Heads = 2 },
            FeedForwardSize = 5,
        });
        using var separate = new MultiHeadAttention(new MultiHeadAttentionOptions { ModelSize = 6, Heads = 2, KeySize = 4, ValueSize = 3 });

        layer.NamedParameters().Select(entry => entry.Key).Should().BeEquivalentTo(
            "self_attn.in_proj_weight", "self_attn.in_proj_bias", "self_attn.out_proj.weight", "self_attn.out_proj.bias",
            "multihead_attn.in_proj_weight", "multihead_attn.in_proj_bias", "multihead_attn.out_proj.weight", "multihead_attn.out_proj.bias",
            "linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias",
            "norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "norm3.weight", "norm3.bias");
        separate.NamedParameters().Select(entry => entry.Key).Should().BeEquivalentTo(
            "q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias");
    }

    [Theory]
    [InlineData(NormOrder.Post, null, false)]
    [InlineData(NormOrder.Pre, null, true)]
    [InlineData(NormOrder.Post, true, true)]
    [InlineData(NormOrder.Pre, false, false)]
    public void AStack_EndsWithANorm_WhereItShould(NormOrder order, bool? asked, bool expected)
    {
        using var model = new Transformer(1, 1, s_options with { NormOrder = order, HasLastNorm = asked });

        string[] names = [.. model.NamedParameters().Select(entry => entry.Key)];

        names.Contains("encoder.norm.weight").Should().Be(expected);
        names.Contains("decoder.norm.bias").Should().Be(expected);
    }

    [Fact]
    public void APrefix_FindsALayerInALargerFile()
    {
        using var folder = new TemporaryFolder();
        using Transformer model = LayerNumbers.Filled(new Transformer(1, 1, s_options), 1);
        using var encoder = new TransformerEncoder(1, s_options);
        model.Save(folder.File("model.safetensors"));

        encoder.Load(folder.File("model.safetensors"), "encoder.");

        LayerNumbers.Parameters(encoder).Should().BeEquivalentTo(LayerNumbers.Parameters(model.Encoder));
    }

    [Fact]
    public void WhatDoesNotFit_IsListed_AndNothingChanges()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.safetensors");
        var writer = new SafetensorsWriter();
        writer.Add("linear1.weight", [5, 6], new float[30]);
        writer.Add("linear1.bias", [6], new float[6]);
        writer.Add("linear2.weight", [5, 6], new float[30]);
        writer.Add("linear3.bias", [4], new float[4]);
        writer.Save(path);
        using var layer = new FeedForward(6, 5, seed: 3);
        Dictionary<string, float[]> before = LayerNumbers.Parameters(layer);
        Action act = () => layer.Load(path);

        act.Should().Throw<InvalidDataException>().Which.Message.Should().ContainAll(
            path, "'linear1.bias' has shape [6], expected [5]", "'linear2.weight' has shape [5, 6], expected [6, 5]",
            "'linear2.bias' is missing, expected [6]", "'linear3.bias' [4] is unknown").And.NotContain("linear1.weight");
        LayerNumbers.Parameters(layer).Should().BeEquivalentTo(before);
    }

    [Fact]
    public void AnUnreadableType_ChangesNothing()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.safetensors");
        using (var saved = new Linear(2, 2, seed: 1))
        {
            saved.Save(path);
        }

        // The bias comes first in the file and is read last: the weight must not have been taken over by then.
        byte[] bytes = File.ReadAllBytes(path);
        int place = bytes.AsSpan().IndexOf("F32"u8);
        "I32"u8.CopyTo(bytes.AsSpan(place));
        File.WriteAllBytes(path, bytes);
        using var layer = new Linear(2, 2, seed: 2);
        Dictionary<string, float[]> before = LayerNumbers.Parameters(layer);
        Action act = () => layer.Load(path);

        act.Should().Throw<NotSupportedException>().WithMessage("*bias*I32*");
        LayerNumbers.Parameters(layer).Should().BeEquivalentTo(before);
    }

    [Fact]
    public void AFileThatIsNotThere_ChangesNothing()
    {
        using var folder = new TemporaryFolder();
        using var layer = new Linear(2, 2);
        Dictionary<string, float[]> before = LayerNumbers.Parameters(layer);
        Action act = () => layer.Load(folder.File("none.safetensors"));

        act.Should().Throw<FileNotFoundException>();
        LayerNumbers.Parameters(layer).Should().BeEquivalentTo(before);
    }

    [Fact]
    public void ASharedLayer_IsSavedAndLoaded_UnderBothNames()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("tied.safetensors");
        using Tied saved = new(seed: 1);
        using Tied loaded = new(seed: 2);
        saved.Save(path);

        loaded.Load(path);

        Tolerance.SameBits("weight", loaded.Shared.Weight.Data.ToArray(), saved.Shared.Weight.Data.ToArray());
        FluentActions.Invoking(() => new Tied(seed: 1, again: true)).Should().Throw<ArgumentException>().WithParameterName("name");
    }

    /// <summary>One linear layer in two places.</summary>
    private sealed class Tied : Layer
    {
        internal Tied(ulong seed, bool again = false)
            : base(CpuBackend.Shared)
        {
            Shared = AddLayer("first", new Linear(3, 4, seed: seed));
            AddLayer(again ? "first" : "second", Shared);
        }

        internal Linear Shared { get; }
    }
}
