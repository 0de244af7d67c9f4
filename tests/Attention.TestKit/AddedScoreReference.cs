namespace Attention.TestKit;

/// <summary>Adds a number that depends on the place alone, such as ALiBi's <c>-slope distance</c>.</summary>
public sealed class AddedScoreReference(Func<int, int, int, int, double> added) : ReferenceModifier
{
    public override (T Value, T Derivative) Apply<T>(T score, int batch, int head, int query, int key) =>
        (score + T.CreateChecked(added(batch, head, query, key)), T.One);
}
