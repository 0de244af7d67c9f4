namespace Attention.TestKit;

/// <summary>How the numbers of a tensor lie in a backend's memory.</summary>
public enum DeviceLayout
{
    /// <summary>Row-major, without gaps.</summary>
    Contiguous,

    /// <summary>A part of a larger tensor along every axis.</summary>
    Gaps,

    /// <summary>The last two axes the other way round, or gaps between the numbers of the only one.</summary>
    Turned,

    /// <summary>Both.</summary>
    TurnedGaps,
}
