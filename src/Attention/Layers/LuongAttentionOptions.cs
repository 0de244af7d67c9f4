namespace Attention.Layers;

/// <summary>What a <see cref="LuongAttentionLayer"/> is made of; what is left out is as in Luong et al. 2015.</summary>
public sealed record LuongAttentionOptions
{
    /// <summary>Numbers of a target state.</summary>
    public required int QuerySize { get; init; }

    /// <summary>Numbers of a source state; those of a target state where the score is <see cref="LuongScore.Dot"/>.</summary>
    public required int MemorySize { get; init; }

    /// <summary>Numbers of an attentional vector; null for <see cref="QuerySize"/>.</summary>
    public int? OutputSize { get; init; }

    /// <summary>How a source state is scored. With a window only <see cref="LuongScore.Dot"/> and <see cref="LuongScore.General"/>, as in the paper.</summary>
    public LuongScore Score { get; init; } = LuongScore.General;

    /// <summary>Which source states are looked at.</summary>
    public LuongAlignment Alignment { get; init; }

    /// <summary>Rows of W_a where the score is <see cref="LuongScore.Concat"/>; null for <see cref="QuerySize"/>.</summary>
    public int? ScoreSize { get; init; }

    /// <summary>The places that <see cref="LuongScore.Location"/> has a score for, and needs to be told; source states beyond are not looked at.</summary>
    public int? MaxLength { get; init; }

    /// <summary>
    /// Whether <see cref="LuongScore.Location"/> normalises over all <see cref="MaxLength"/> places and leaves those beyond a sentence
    /// out afterwards, so that weights add up to less than 1, instead of before.
    /// </summary>
    public bool IsCutAfterSoftmax { get; init; }

    /// <summary>D: the window has D states on either side of the middle one.</summary>
    public int HalfWidth { get; init; } = 10;

    /// <summary>Rows of W_p; null for <see cref="QuerySize"/>.</summary>
    public int? PositionSize { get; init; }

    /// <summary>Weights start uniform between minus this and this.</summary>
    public float InitialRange { get; init; } = 0.1f;

    /// <summary>Decides the first weights.</summary>
    public ulong Seed { get; init; }
}
