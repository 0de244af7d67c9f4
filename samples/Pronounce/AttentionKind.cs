namespace Pronounce;

/// <summary>How the decoder looks at the word.</summary>
internal enum AttentionKind
{
    /// <summary>Not at all: <see cref="FixedContext"/>.</summary>
    None,

    /// <summary>Bahdanau et al. 2015: <see cref="BahdanauContext"/>.</summary>
    Bahdanau,

    /// <summary>Luong et al. 2015, dot score.</summary>
    LuongDot,

    /// <summary>Luong et al. 2015, general score.</summary>
    LuongGeneral,

    /// <summary>Luong et al. 2015, general score in a predicted window, local-p.</summary>
    LuongLocalP,

    /// <summary>Chorowski et al. 2015: <see cref="LocationContext"/>.</summary>
    Location,
}
