namespace Attention.Positions;

/// <summary>Where sines and cosines stand in a sinusoidal position, and how their frequencies are spaced.</summary>
public enum SinusoidalForm
{
    /// <summary>
    /// The paper's: channel 2i is <c>sin(position * 10000^(-2i/size))</c>, channel 2i + 1 the cosine of the same. With an odd
    /// size the last channel is a sine.
    /// </summary>
    Interleaved,

    /// <summary>
    /// That of the authors' code, tensor2tensor: with n = size / 2 rounded down, channel i is
    /// <c>sin(position * 10000^(-i/(n-1)))</c> and channel n + i the cosine of the same. With an odd size the last channel
    /// is 0; with a single frequency (size 2 or 3) that frequency is 1.
    /// </summary>
    Halves,
}
