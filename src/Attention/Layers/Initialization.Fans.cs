using System.Numerics.Tensors;
using Attention.Numerics;

namespace Attention.Layers;

/// <content>Numbers scaled by fans, so that what flows through a layer keeps its size.</content>
public static unsafe partial class Initialization
{
    /// <summary>
    /// Fills with numbers evenly spread over [-a, a), <c>a = gain sqrt(6 / (fanIn + fanOut))</c>: the variance is
    /// <c>2 gain^2 / (fanIn + fanOut)</c>.
    /// </summary>
    /// <remarks>
    /// Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (AISTATS 2010),
    /// equation 16; PyTorch calls it xavier_uniform.
    /// </remarks>
    /// <param name="destination">Receives the numbers.</param>
    /// <param name="random">The seed.</param>
    /// <param name="fanIn">The products that an output sums up.</param>
    /// <param name="fanOut">The outputs that an input goes into.</param>
    /// <param name="gain">The factor on all numbers.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A fan is not positive, or <paramref name="gain"/> not finite or negative.
    /// </exception>
    public static void GlorotUniform(Span<float> destination, PhiloxRandom random, int fanIn, int fanOut, float gain = 1f) =>
        GlorotUniformFill(random, fanIn, fanOut, gain).Fill(destination, 0);

    /// <inheritdoc cref="GlorotUniform(Span{float}, PhiloxRandom, int, int, float)"/>
    /// <exception cref="ArgumentException">The last axis of <paramref name="destination"/> is not contiguous.</exception>
    public static void GlorotUniform(
        in TensorSpan<float> destination, PhiloxRandom random, int fanIn, int fanOut, float gain = 1f) =>
        FillRows(destination, GlorotUniformFill(random, fanIn, fanOut, gain));

    /// <summary>
    /// Fills with normally distributed numbers of mean 0 and deviation <c>gain sqrt(2 / (fanIn + fanOut))</c>.
    /// </summary>
    /// <remarks>
    /// Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (AISTATS 2010),
    /// equation 12; PyTorch calls it xavier_normal.
    /// </remarks>
    /// <param name="destination">Receives the numbers.</param>
    /// <param name="random">The seed.</param>
    /// <param name="fanIn">The products that an output sums up.</param>
    /// <param name="fanOut">The outputs that an input goes into.</param>
    /// <param name="gain">The factor on all numbers.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A fan is not positive, or <paramref name="gain"/> not finite or negative.
    /// </exception>
    public static void GlorotNormal(Span<float> destination, PhiloxRandom random, int fanIn, int fanOut, float gain = 1f) =>
        GlorotNormalFill(random, fanIn, fanOut, gain).Fill(destination, 0);

    /// <inheritdoc cref="GlorotNormal(Span{float}, PhiloxRandom, int, int, float)"/>
    /// <exception cref="ArgumentException">The last axis of <paramref name="destination"/> is not contiguous.</exception>
    public static void GlorotNormal(
        in TensorSpan<float> destination, PhiloxRandom random, int fanIn, int fanOut, float gain = 1f) =>
        FillRows(destination, GlorotNormalFill(random, fanIn, fanOut, gain));

    /// <summary>
    /// Fills with normally distributed numbers of mean 0 and deviation <c>sqrt(2 / fanIn)</c>, for layers with a ReLU behind
    /// them.
    /// </summary>
    /// <remarks>
    /// He, Zhang, Ren and Sun, "Delving Deep into Rectifiers" (ICCV 2015), equation 10; PyTorch calls it kaiming_normal.
    /// </remarks>
    /// <param name="destination">Receives the numbers.</param>
    /// <param name="random">The seed.</param>
    /// <param name="fanIn">The products that an output sums up.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fanIn"/> is not positive.</exception>
    public static void HeNormal(Span<float> destination, PhiloxRandom random, int fanIn) =>
        HeNormalFill(random, fanIn).Fill(destination, 0);

    /// <inheritdoc cref="HeNormal(Span{float}, PhiloxRandom, int)"/>
    /// <exception cref="ArgumentException">The last axis of <paramref name="destination"/> is not contiguous.</exception>
    public static void HeNormal(in TensorSpan<float> destination, PhiloxRandom random, int fanIn) =>
        FillRows(destination, HeNormalFill(random, fanIn));

    private static UniformFill GlorotUniformFill(PhiloxRandom random, int fanIn, int fanOut, float gain)
    {
        float limit = (float)(gain * Math.Sqrt(6.0 / FanSum(fanIn, fanOut, gain)));
        return new UniformFill(random, -limit, limit);
    }

    private static NormalFill GlorotNormalFill(PhiloxRandom random, int fanIn, int fanOut, float gain) =>
        new(random, 0f, (float)(gain * Math.Sqrt(2.0 / FanSum(fanIn, fanOut, gain))));

    private static NormalFill HeNormalFill(PhiloxRandom random, int fanIn)
    {
        CheckFan(fanIn, nameof(fanIn));
        return new NormalFill(random, 0f, (float)Math.Sqrt(2.0 / fanIn));
    }

    private static long FanSum(int fanIn, int fanOut, float gain)
    {
        CheckFan(fanIn, nameof(fanIn));
        CheckFan(fanOut, nameof(fanOut));
        CheckGain(gain);
        return (long)fanIn + fanOut;
    }

    private static void CheckFan(int fan, string parameter)
    {
        if (fan <= 0)
        {
            Throw.OutOfRange(parameter, fan, $"'{parameter}' is {fan}; expected a positive number.");
        }
    }

    private static void CheckGain(float gain)
    {
        if (!(gain >= 0 && float.IsFinite(gain)))
        {
            Throw.OutOfRange(nameof(gain), gain, $"'{nameof(gain)}' is {gain}; expected a finite number, 0 or more.");
        }
    }
}
