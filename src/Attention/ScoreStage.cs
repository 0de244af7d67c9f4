namespace Attention;

/// <summary>A point on the way from <c>q.k</c> to the weights at which scores can be looked at.</summary>
public enum ScoreStage
{
    /// <summary>scale q.k.</summary>
    Raw,

    /// <summary>After the modifier.</summary>
    Modified,

    /// <summary>After modifier, bias and mask; negative infinity where hidden.</summary>
    Masked,

    /// <summary>After the softmax, before dropout. A row that may attend to nothing is all zero.</summary>
    Weights,
}
