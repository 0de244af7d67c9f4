using System.Numerics;

namespace Attention.TestKit;

/// <summary>Additive attention: a problem of attention, whose scale is not used, and the weight of each hidden unit.</summary>
public sealed record AdditiveAttentionProblem<T>(AttentionProblem<T> Attention, T[] ScoreVector)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The same problem in another precision.</summary>
    public AdditiveAttentionProblem<TOther> To<TOther>()
        where TOther : unmanaged, IFloatingPointIeee754<TOther> =>
        new(Attention.To<TOther>(), Array.ConvertAll(ScoreVector, TOther.CreateTruncating));
}
