namespace Attention.TestKit;

/// <summary><c>cap tanh(score / cap)</c>.</summary>
public sealed class SoftCapReference(float cap) : ReferenceModifier
{
    public override (T Value, T Derivative) Apply<T>(T score, int batch, int head, int query, int key)
    {
        T limit = T.CreateChecked(cap);
        T tangent = T.Tanh(score / limit);
        return (limit * tangent, T.One - (tangent * tangent));
    }
}
