using System.Numerics.Tensors;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>The masks and modifiers that the mechanism is tested with.</summary>
internal static class PolicyCases
{
    private static readonly PolicyCase[] s_all =
    [
        Masked("none", _ => default(NoMask), _ => null),
        Masked(
            "causal",
            shape => CausalMask.BottomRight(shape.QueryLength, shape.KeyLength),
            shape => (_, _, query, key) => key <= query + shape.KeyLength - shape.QueryLength),
        Masked("causal top left", _ => CausalMask.TopLeft, _ => (_, _, query, key) => key <= query),
        Masked(
            "window",
            shape => new WindowMask(9, 3, shape.KeyLength - shape.QueryLength),
            shape => (_, _, query, key) =>
            {
                int distance = key - (query + shape.KeyLength - shape.QueryLength);
                return distance is >= -9 and <= 3;
            }),
        Masked(
            "key lengths",
            shape => new KeyLengthMask(KeyLengths(shape)),
            shape =>
            {
                int[] lengths = KeyLengths(shape);
                return (batch, _, _, key) => key < lengths[batch];
            }),
        Masked("dense", shape => new DenseMask(Dense(shape)), shape => (batch, head, query, key) => IsAllowed(shape, batch, head, query, key)),
        Masked(
            "causal and key lengths",
            shape => CausalMask.TopLeft.And(new KeyLengthMask(KeyLengths(shape))),
            shape =>
            {
                int[] lengths = KeyLengths(shape);
                return (batch, _, query, key) => key <= query && key < lengths[batch];
            }),
        Masked("checkerboard of a user", _ => default(CheckerboardMask), _ => default(CheckerboardMask).Allows),
        Masked("sparse rows of a user", _ => default(SparseRowsMask), _ => default(SparseRowsMask).Allows),
        Modified("soft cap", _ => new SoftCapModifier(1.25f), _ => new SoftCapReference(1.25f)),
        Modified("quadratic of a user", _ => default(QuadraticModifier), _ => new QuadraticReference()),
        new PolicyCase<CausalMask, AlibiModifier>(
            "causal with ALiBi",
            shape => CausalMask.BottomRight(shape.QueryLength, shape.KeyLength),
            shape => new AlibiModifier(shape.Heads, shape.KeyLength - shape.QueryLength),
            shape => (_, _, query, key) => key <= query + shape.KeyLength - shape.QueryLength,
            shape =>
            {
                float[] slopes = AlibiModifier.Slopes(shape.Heads);
                int offset = shape.KeyLength - shape.QueryLength;
                return new AddedScoreReference((_, head, query, key) => -slopes[head] * Math.Abs(query + offset - key));
            }),
    ];

    public static IReadOnlyList<PolicyCase> All => s_all;

    public static TheoryData<string> Names => [.. s_all.Select(each => each.Name)];

    /// <summary>Those without a mask, and one of every kind of mask.</summary>
    public static TheoryData<string> FewNames =>
        ["none", "causal", "window", "dense", "checkerboard of a user", "sparse rows of a user", "soft cap"];

    public static PolicyCase Get(string name) => s_all.Single(each => each.Name == name);

    /// <summary>Two or three lengths that differ between neighbours; one of them is all of the keys, one may be none.</summary>
    public static int[] KeyLengths(AttentionShape shape) =>
        [.. Enumerable.Range(0, Math.Max(1, shape.Batch)).Select(batch => shape.KeyLength * (2 - (batch % 3)) / 2)];

    private static PolicyCase<TMask, NoModifier> Masked<TMask>(
        string name, Func<AttentionShape, TMask> mask, Func<AttentionShape, ReferenceMask?> reference)
        where TMask : struct, IAttentionMask => new(name, mask, _ => default, reference, _ => null);

    private static PolicyCase<NoMask, TModifier> Modified<TModifier>(
        string name, Func<AttentionShape, TModifier> modifier, Func<AttentionShape, ReferenceModifier?> reference)
        where TModifier : struct, IScoreModifier => new(name, _ => default, modifier, _ => null, reference);

    /// <summary>Half of the pairs, in a pattern without period, but nothing for some queries.</summary>
    private static bool IsAllowed(AttentionShape shape, int batch, int head, int query, int key)
    {
        uint place = (uint)((((((batch * shape.Heads) + head) * shape.QueryLength) + query) * shape.KeyLength) + key);
        return query % 7 != 3 && ((place * 2654435761u) >> 16) % 2 == 0;
    }

    private static ReadOnlyTensorSpan<bool> Dense(AttentionShape shape)
    {
        bool[] allowed = new bool[shape.ScoreCount];
        int i = 0;
        for (int batch = 0; batch < shape.Batch; batch++)
        {
            for (int head = 0; head < shape.Heads; head++)
            {
                for (int query = 0; query < shape.QueryLength; query++)
                {
                    for (int key = 0; key < shape.KeyLength; key++)
                    {
                        allowed[i++] = IsAllowed(shape, batch, head, query, key);
                    }
                }
            }
        }

        return Layout.Contiguous(shape.ScoreLengths).Read(allowed);
    }
}
