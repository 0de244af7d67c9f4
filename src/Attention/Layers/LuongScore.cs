namespace Attention.Layers;

/// <summary>How <see cref="LuongAttentionLayer"/> scores a source state for a target state (Luong et al. 2015, section 3.1).</summary>
public enum LuongScore
{
    /// <summary><c>h_t . h_s</c>.</summary>
    Dot,

    /// <summary><c>h_t^T W_a h_s</c>.</summary>
    General,

    /// <summary><c>v_a^T tanh(W_a [h_t; h_s])</c>.</summary>
    Concat,

    /// <summary>Row s of <c>W_a h_t</c>: a score for each place of the source, whatever stands there.</summary>
    Location,
}
