using Attention.Layers;
using QuickStart;

namespace Attention.PublicApi.Tests;

/// <summary>The sample's trained network, run by the sample's own code, gives what ONNX Runtime recorded.</summary>
public sealed class QuickStartTests
{
    // Two blocks in float: a plain double implementation is 6.7e-6 from the recording, which is the recording's own rounding.
    private const float LargestAllowed = 2e-5f;

    private static readonly SafetensorsFile s_file =
        SafetensorsFile.Open(Path.Combine(AppContext.BaseDirectory, "Data", "svtr_neck_ppocrv4.safetensors"));

    [Fact]
    public void TrainedBlocks_GiveWhatOnnxRuntimeRecorded()
    {
        Recording recording = new(s_file);

        using SvtrNeck neck = new(s_file);
        NeckResult result = neck.Forward(recording.Input);

        recording.Differences(result).Should().HaveCount(5).And.OnlyContain(part => part.Difference <= LargestAllowed);
    }

    [Fact]
    public void Differences_SeeAWrongNumberAndANaN()
    {
        Recording recording = new(s_file);
        using SvtrNeck neck = new(s_file);
        NeckResult result = neck.Forward(recording.Input);
        result.Output[17] += 1f;
        result.Blocks[0].Weights[5] = float.NaN;

        List<(string Name, float Difference)> differences = [.. recording.Differences(result)];

        differences[0].Difference.Should().Be(float.NaN);
        differences[4].Difference.Should().BeApproximately(1f, LargestAllowed);
    }

    [Fact]
    public void ReadInto_TurnsMatricesAndKeepsRows()
    {
        using Linear layer = new(240, 120);

        s_file.ReadInto(layer, ("", "block0.mlp.fc2."));

        float[] stored = s_file.ReadArray("block0.mlp.fc2.weight", 240, 120);
        layer.Weight.Data.ToArray().Should().Equal(Enumerable.Range(0, 120 * 240).Select(i => stored[i % 240 * 120 + i / 240]));
        layer.Bias!.Data.ToArray().Should().Equal(s_file.ReadArray("block0.mlp.fc2.bias", 120));
    }

    [Fact]
    public void ReadInto_RefusesAnotherShapeOrName()
    {
        using LayerNorm norm = new(119);
        Action shape = () => s_file.ReadInto(norm, ("", "norm."));
        Action name = () => s_file.ReadInto(norm, ("", "scale."));

        shape.Should().Throw<InvalidDataException>().WithMessage("*[120]*[119]*");
        name.Should().Throw<ArgumentException>().WithMessage("*scale.weight*");
    }

    [Fact]
    public void Draw_MarksTheStrongestKey()
    {
        float[] weights = [0f, 0f, 1f, 0f, 1f, 0f, 1f, 0f, 0f];

        string[] lines = AttentionMap.Draw(weights, 3, "abc", color: false).ReplaceLineEndings("\n").Split('\n');

        lines[0].Should().Be("      abc   looks most at");
        lines[1].Should().Be("   0 a ██    2 c 100 %");
        lines[2].Should().Be("   2 c█      0 a 100 %");
    }
}
