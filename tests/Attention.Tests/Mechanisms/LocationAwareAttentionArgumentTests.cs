using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to location-aware attention: the parameter is named, and nothing is written.</summary>
public class LocationAwareAttentionArgumentTests
{
    private static readonly string[] s_forward = ["context", "alignments"];

    private static readonly string[] s_backward =
    [
        "queryGradient", "keyGradient", "valueGradient", "scoreVectorGradient", "filterGradient", "projectionGradient",
        "scoreBiasGradient", "initialAlignmentGradient",
    ];

    private readonly Dictionary<string, float[]> _memory = [];
    private readonly Dictionary<string, nint[]> _lengths = new()
    {
        ["query"] = [2, 3, 4],
        ["key"] = [2, 5, 4],
        ["value"] = [2, 5, 6],
        ["scoreVector"] = [4],
        ["filters"] = [2, 3],
        ["projection"] = [4, 2],
        ["scoreBias"] = [1],
        ["initialAlignment"] = [2, 5],
        ["context"] = [2, 3, 6],
        ["alignments"] = [2, 3, 5],
        ["contextGradient"] = [2, 3, 6],
        ["alignmentGradient"] = [2, 3, 5],
        ["queryGradient"] = [2, 3, 4],
        ["keyGradient"] = [2, 5, 4],
        ["valueGradient"] = [2, 5, 6],
        ["scoreVectorGradient"] = [4],
        ["filterGradient"] = [2, 3],
        ["projectionGradient"] = [4, 2],
        ["scoreBiasGradient"] = [1],
        ["initialAlignmentGradient"] = [2, 5],
    };

    private LocationAwareOptions _options;
    private string? _absent;

    [Fact]
    public void GoodInput_IsTaken()
    {
        FluentActions.Invoking(Forward).Should().NotThrow();
        FluentActions.Invoking(Backward).Should().NotThrow();
    }

    [Theory]
    [InlineData("query", new[] { 6, 4 })]
    [InlineData("query", new[] { 2, 3, 0 })]
    [InlineData("key", new[] { 2, 5, 3 })]
    [InlineData("key", new[] { 1, 5, 4 })]
    [InlineData("value", new[] { 2, 4, 6 })]
    [InlineData("scoreVector", new[] { 5 }, "weights")]
    [InlineData("filters", new[] { 6 }, "weights")]
    [InlineData("filters", new[] { 2, 0 }, "weights")]
    [InlineData("filters", new[] { 3, 3 }, "weights")]
    [InlineData("projection", new[] { 4, 3 }, "weights")]
    [InlineData("scoreBias", new[] { 2 }, "weights")]
    [InlineData("initialAlignment", new[] { 2, 4 })]
    [InlineData("context", new[] { 2, 3, 5 })]
    [InlineData("alignments", new[] { 2, 3, 6 })]
    public void Forward_NamesAWrongShape(string operand, int[] lengths, string? parameter = null) =>
        Refuses(Forward, operand, lengths, parameter, s_forward);

    [Theory]
    [InlineData("alignments", new[] { 2, 4, 5 })]
    [InlineData("contextGradient", new[] { 2, 3, 5 })]
    [InlineData("alignmentGradient", new[] { 2, 3, 4 })]
    [InlineData("queryGradient", new[] { 2, 3, 5 })]
    [InlineData("keyGradient", new[] { 2, 4, 4 })]
    [InlineData("valueGradient", new[] { 2, 5, 5 })]
    [InlineData("scoreVectorGradient", new[] { 3 }, "weightGradients")]
    [InlineData("filterGradient", new[] { 2, 4 }, "weightGradients")]
    [InlineData("projectionGradient", new[] { 2, 4 }, "weightGradients")]
    [InlineData("scoreBiasGradient", new[] { 2 }, "weightGradients")]
    [InlineData("initialAlignmentGradient", new[] { 2, 6 })]
    public void Backward_NamesAWrongShape(string operand, int[] lengths, string? parameter = null) =>
        Refuses(Backward, operand, lengths, parameter, s_backward);

    [Theory]
    [InlineData("context", "query")]
    [InlineData("context", "filters")]
    [InlineData("context", "initialAlignment")]
    [InlineData("alignments", "value")]
    [InlineData("alignments", "context")]
    public void Forward_NamesAnOverlap(string written, string other) => RefusesOverlap(Forward, written, other, written);

    [Theory]
    [InlineData("queryGradient", "query")]
    [InlineData("keyGradient", "alignmentGradient")]
    [InlineData("valueGradient", "contextGradient")]
    [InlineData("valueGradient", "queryGradient")]
    [InlineData("filterGradient", "filters", "weightGradients")]
    [InlineData("projectionGradient", "scoreVectorGradient", "weightGradients")]
    [InlineData("initialAlignmentGradient", "alignments")]
    [InlineData("initialAlignmentGradient", "scoreBiasGradient")]
    public void Backward_NamesAnOverlap(string written, string other, string? parameter = null) =>
        RefusesOverlap(Backward, written, other, parameter ?? written);

    [Fact]
    public void BadOptions_AreRefused()
    {
        RefusesOptions(new() { Sharpness = 0 });
        RefusesOptions(new() { Sharpness = float.PositiveInfinity });
        RefusesOptions(new() { Source = (LocationSource)7 });
        RefusesOptions(new() { Normalizer = (LocationNormalizer)7 });
        RefusesOptions(new() { Window = new() { Center = (LocationWindowCenter)7 } });
        RefusesOptions(new() { Window = new() { Center = LocationWindowCenter.Mean, Before = -1 } });
        RefusesOptions(new() { Window = new() { Center = LocationWindowCenter.Mean, After = float.NaN } });
        RefusesOptions(new() { Window = new() { Center = LocationWindowCenter.Mean }, Source = LocationSource.AccumulatedAlignments });
        RefusesOptions(new() { MaxDegreeOfParallelism = -1 });
        RefusesOptions(new() { Width = (SimdWidth)77 });
    }

    [Fact]
    public void AWindowWithoutAStart_IsRefused()
    {
        LocationAwareOptions options = new() { Window = new() { Center = LocationWindowCenter.Median, Before = 2, After = 2 } };

        FluentActions.Invoking(() => LocationAwareAttention.Forward(
            Read("query"), Read("key"), Read("value"), Weights(), default, Write("context"), Write("alignments"), options))
            .Should().Throw<ArgumentException>().WithParameterName("initialAlignment");
    }

    [Fact]
    public void AMaskOfAnotherBatch_IsRefused()
    {
        FluentActions.Invoking(() => LocationAwareAttention.Forward(
            Read("query"), Read("key"), Read("value"), Weights(), default, new KeyLengthMask([3]), Write("context"), Write("alignments")))
            .Should().Throw<ArgumentException>().WithParameterName("mask");
        FluentActions.Invoking(() => LocationAwareAttention.StartUniformly(new KeyLengthMask([3]), Write("initialAlignment")))
            .Should().Throw<ArgumentException>().WithParameterName("mask");
        FluentActions.Invoking(() => LocationAwareAttention.StartAtFirstKey(Write("query")))
            .Should().Throw<ArgumentException>().WithParameterName("initialAlignment");
    }

    [Fact]
    public void AGradientWithoutItsWeight_IsRefused()
    {
        FluentActions.Invoking(() => LocationAwareAttention.Backward(
            Read("query"), Read("key"), Read("value"),
            new LocationWeights { ScoreVector = Read("scoreVector"), Filters = Read("filters"), Projection = Read("projection") }, default,
            default(NoMask), Read("alignments"), Read("contextGradient"), default,
            weightGradients: new LocationWeightGradients { ScoreBias = Write("scoreBiasGradient") }))
            .Should().Throw<ArgumentException>().WithParameterName("weightGradients");
    }

    /// <summary>Each gradient may be left out; the others are the same bits.</summary>
    [Theory]
    [InlineData("queryGradient")]
    [InlineData("keyGradient")]
    [InlineData("valueGradient")]
    [InlineData("scoreVectorGradient")]
    [InlineData("filterGradient")]
    [InlineData("projectionGradient")]
    [InlineData("scoreBiasGradient")]
    [InlineData("initialAlignmentGradient")]
    public void AGradient_MayBeAbsent(string absent)
    {
        Forward();
        Backward();
        var expected = s_backward.ToDictionary(name => name, name => (float[])Memory(name).Clone());
        foreach (string name in s_backward)
        {
            _memory.Remove(name);
        }

        _absent = absent;
        float[] untouched = (float[])Memory(absent).Clone();
        Backward();

        foreach (string name in s_backward)
        {
            Tolerance.SameBits(name, Memory(name), name == absent ? untouched : expected[name]);
        }
    }

    private void RefusesOptions(LocationAwareOptions options)
    {
        _options = options;

        FluentActions.Invoking(Forward).Should().Throw<ArgumentException>().WithParameterName(nameof(options));
        FluentActions.Invoking(Backward).Should().Throw<ArgumentException>().WithParameterName(nameof(options));
    }

    private void Refuses(Action call, string operand, int[] lengths, string? parameter, string[] results)
    {
        _lengths[operand] = Array.ConvertAll(lengths, length => (nint)length);

        call.Should().Throw<ArgumentException>().WithParameterName(parameter ?? operand);

        foreach (string name in results)
        {
            float[] memory = Memory(name);
            _memory.Remove(name);
            Tolerance.SameBits(name, memory, Memory(name));
        }
    }

    private void RefusesOverlap(Action call, string written, string other, string parameter)
    {
        _memory[written] = Memory(other);

        call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    private void Forward() => LocationAwareAttention.Forward(
        Read("query"), Read("key"), Read("value"), Weights(), Read("initialAlignment"), Write("context"), Write("alignments"), _options);

    private void Backward() => LocationAwareAttention.Backward(
        Read("query"), Read("key"), Read("value"), Weights(), Read("initialAlignment"), default(NoMask), Read("alignments"),
        Read("contextGradient"), Read("alignmentGradient"), Write("queryGradient"), Write("keyGradient"), Write("valueGradient"),
        new LocationWeightGradients
        {
            ScoreVector = Write("scoreVectorGradient"),
            Filters = Write("filterGradient"),
            Projection = Write("projectionGradient"),
            ScoreBias = Write("scoreBiasGradient"),
        },
        Write("initialAlignmentGradient"), _options);

    private LocationWeights Weights() => new()
    {
        ScoreVector = Read("scoreVector"),
        Filters = Read("filters"),
        Projection = Read("projection"),
        ScoreBias = Read("scoreBias"),
    };

    private ReadOnlyTensorSpan<float> Read(string name) => Layout.Contiguous(_lengths[name]).Read(Memory(name));

    private TensorSpan<float> Write(string name) => name == _absent ? default : Layout.Contiguous(_lengths[name]).Write(Memory(name));

    private float[] Memory(string name) =>
        _memory.TryGetValue(name, out float[]? memory) ? memory : _memory[name] = AttentionProblems.Normal(new Random(name.Length + name[0]), 100);
}
