using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to hard attention: the parameter is named, and nothing is written.</summary>
public class HardAttentionArgumentTests
{
    private readonly float[] _scores = [.. Enumerable.Range(0, 2 * 4 * 3 * 5).Select(i => (float)(i % 7))];
    private readonly float[] _value = new float[2 * 2 * 5 * 6];
    private readonly float[] _output = new float[2 * 4 * 3 * 6];
    private readonly float[] _rows = new float[2 * 4 * 3];
    private readonly float[] _otherRows = new float[2 * 4 * 3];
    private readonly int[] _choices = new int[2 * 4 * 3];

    [Fact]
    public void GoodInput_IsTaken() => FluentActions.Invoking(() => Forward()).Should().NotThrow();

    [Fact]
    public void Forward_NamesAWrongShape()
    {
        Refuses("scores", () => Forward(scoresShape: [2, 12, 5]));
        Refuses("value", () => Forward(valueShape: [2, 3, 5, 4]));
        Refuses("value", () => Forward(valueShape: [4, 2, 5, 3]));
        Refuses("value", () => Forward(valueShape: [2, 2, 6, 5]));
        Refuses("output", () => Forward(outputShape: [2, 4, 6, 3]));
        Refuses("logProbability", () => Forward(rowsShape: [2, 12]));
        Refuses("choices", () => Forward(choices: new int[23]));
        Refuses("mask", () => Forward(mask: new KeyLengthMask([5, 6])));
        Refuses("options", () => Forward(options: new() { Scale = 0.5f }));
        Refuses("options", () => Forward(options: new() { Dropout = 0.5f }));
        Refuses("options", () => Forward(options: new() { MaxDegreeOfParallelism = -1 }));
    }

    [Fact]
    public void ARowWithoutAKey_IsRefused_BeforeAnythingIsWritten()
    {
        Refuses("mask", () => Forward(mask: new KeyLengthMask([5, 0])));
        Array.Fill(_scores, float.NegativeInfinity, 55, 5);
        Refuses("mask", () => Forward());
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void ARowWithoutASoftmax_IsRefused_BeforeAnythingIsWritten(float score)
    {
        _scores[58] = score;
        Refuses("scores", () => Forward());
        Refuses("scores", () => Forward(choice: KeyChoice.Largest));
        FluentActions.Invoking(() => Forward(mask: new KeyLengthMask([3, 3]))).Should().NotThrow();
    }

    [Fact]
    public void GivenKeys_MustExistAndHaveAChance()
    {
        int[] choices = new int[24];
        choices[7] = 5;
        Refuses("choices", () => Forward(choices: choices, choice: KeyChoice.Given));
        choices[7] = -1;
        Refuses("choices", () => Forward(choices: choices, choice: KeyChoice.Given));
        choices[7] = 4;
        Refuses("choices", () => Forward(choices: choices, choice: KeyChoice.Given, mask: new KeyLengthMask([4, 4])));
        choices[7] = 3;
        FluentActions.Invoking(() => Forward(choices: choices, choice: KeyChoice.Given, mask: new KeyLengthMask([4, 4]))).Should().NotThrow();
    }

    [Fact]
    public void Results_MustNotOverlap()
    {
        FluentActions.Invoking(() => HardAttention.Forward(
            Read(_scores, 2, 4, 3, 5), Read(_value, 2, 2, 5, 6), default(NoMask), KeyChoice.Largest, _choices, Write(_output, 2, 4, 3, 6),
            Write(_rows, 2, 4, 3), Write(_rows, 2, 4, 3))).Should().Throw<ArgumentException>().WithParameterName("entropy");
        FluentActions.Invoking(() => HardAttention.Forward(
            Read(_output, 2, 4, 3, 6), default, default(NoMask), KeyChoice.Largest, _choices, default, Write(_output, 2, 4, 3)))
            .Should().Throw<ArgumentException>().WithParameterName("logProbability");
    }

    [Fact]
    public void Gradients_NameAWrongArgument()
    {
        float[] gradient = new float[_scores.Length];
        Refuses("scoresGradient", () => ScoreGradients(_scores, _choices, _rows, [2, 4, 3]));
        Refuses("scoresGradient", () => HardAttention.ScoreGradients(
            Read(_scores, 2, 4, 3, 5), default(NoMask), _choices, Read(_rows, 2, 4, 3), default, Write(gradient, 2, 4, 5, 3)));
        Refuses("choices", () => ScoreGradients(gradient, [], _rows, [2, 4, 3]));
        Refuses("choices", () => ScoreGradients(gradient, [.. Enumerable.Repeat(5, 24)], _rows, [2, 4, 3]));
        Refuses("logProbabilityGradient", () => ScoreGradients(gradient, _choices, _rows, [2, 12]));
        Refuses("choices", () => HardAttention.ValueGradients(_choices.AsSpan(1), Read(_output, 2, 4, 3, 6), Write(_value, 2, 2, 5, 6)));
        Refuses("valueGradient", () => HardAttention.ValueGradients(_choices, Read(_output, 2, 4, 3, 6), Write(_value, 2, 3, 10, 2)));
        Refuses("valueGradient", () => HardAttention.ValueGradients(_choices, Read(_output, 2, 4, 3, 6), Write(_value, 2, 2, 6, 5)));
        Refuses("valueGradient", () => HardAttention.ValueGradients(_choices, Read(_output, 2, 4, 3, 6), Write(_output, 2, 4, 3, 6)));

        void ScoreGradients(float[] destination, int[] choices, float[] slopes, nint[] slopesShape) => HardAttention.ScoreGradients(
            Read(_scores, 2, 4, 3, 5), default(NoMask), choices, Read(slopes, slopesShape), default, Write(destination, 2, 4, 3, 5));
    }

    private static ReadOnlyTensorSpan<float> Read(float[] numbers, params nint[] lengths) => new(numbers, lengths, []);

    private static TensorSpan<float> Write(float[] numbers, params nint[] lengths) => new(numbers, lengths, []);

    private void Forward(
        nint[]? scoresShape = null, nint[]? valueShape = null, nint[]? outputShape = null, nint[]? rowsShape = null, int[]? choices = null,
        KeyChoice? choice = null, KeyLengthMask? mask = null, AttentionOptions options = default) =>
        HardAttention.Forward(
            Read(_scores, scoresShape ?? [2, 4, 3, 5]), Read(_value, valueShape ?? [2, 2, 5, 6]), mask ?? new KeyLengthMask(5),
            choice ?? KeyChoice.Sampled(1), choices ?? _choices, Write(_output, outputShape ?? [2, 4, 3, 6]), Write(_rows, rowsShape ?? [2, 4, 3]),
            Write(_otherRows, 2, 4, 3), options);

    private void Refuses(string parameter, Action call)
    {
        foreach (float[] results in new[] { _value, _output, _rows, _otherRows })
        {
            Array.Fill(results, 7);
        }

        Array.Clear(_choices);
        call.Should().Throw<ArgumentException>().WithParameterName(parameter);
        _output.Concat(_rows).Concat(_otherRows).Concat(_value).Should().OnlyContain(x => x == 7);
        _choices.Should().OnlyContain(x => x == 0);
    }
}
