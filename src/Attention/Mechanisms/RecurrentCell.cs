namespace Attention.Mechanisms;

/// <summary>
/// What a recurrence computes at each step. <c>x</c> are the numbers of the input for a gate, its bias included, <c>U</c> and <c>b</c> the
/// gate's rows of the recurrent weight and bias, <c>h</c> the state before the step, <c>s</c> the logistic function, <c>o</c> the product
/// number by number.
/// </summary>
public enum RecurrentCell
{
    /// <summary>
    /// The gated recurrent unit of cuDNN and PyTorch, gates r, z, n: <c>r = s(x + U h + b)</c>, <c>z = s(x + U h + b)</c>,
    /// <c>n = tanh(x + r o (U h + b))</c>, <c>h' = (1 - z) o n + z o h</c>. The reset gate works on the product.
    /// </summary>
    GruResetAfter,

    /// <summary>
    /// The gated recurrent unit of GroundHog (Cho et al. 2014; Bahdanau et al. 2015, appendix A.1.1), gates r, z, n:
    /// <c>r = s(x + U h + b)</c>, <c>z = s(x + U h + b)</c>, <c>n = tanh(x + U (r o h) + b)</c>, <c>h' = z o n + (1 - z) o h</c>. The reset gate
    /// works on the state.
    /// </summary>
    /// <remarks>
    /// Beside the place of the reset gate the update gate counts the other way round than in <see cref="GruResetAfter"/>: 1 takes the
    /// new state. Weights of a library that differs in that alone fit when all numbers of z change their signs.
    /// </remarks>
    GruResetBefore,

    /// <summary>
    /// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), gates i, f, g, o:
    /// <c>i, f, o = s(x + U h + b)</c>, <c>g = tanh(x + U h + b)</c>, <c>c' = f o c + i o g</c>, <c>h' = o o tanh(c')</c>.
    /// </summary>
    Lstm,
}
