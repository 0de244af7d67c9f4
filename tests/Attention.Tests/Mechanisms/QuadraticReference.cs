using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>The formula of <see cref="QuadraticModifier"/>.</summary>
internal sealed class QuadraticReference : ReferenceModifier
{
    public override (T Value, T Derivative) Apply<T>(T score, int batch, int head, int query, int key)
    {
        T added = T.CreateChecked(head) - (T.CreateChecked(key) / T.CreateChecked(64));
        return (score + (score * score / T.CreateChecked(8)) + added, T.One + (score / T.CreateChecked(4)));
    }
}
