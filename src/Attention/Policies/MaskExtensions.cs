namespace Attention.Policies;

/// <summary>Puts masks together as one reads them: <c>documents.And(CausalMask.TopLeft)</c>.</summary>
public static class MaskExtensions
{
    /// <summary>Allows what both masks allow.</summary>
    /// <typeparam name="TLeft">The one mask.</typeparam>
    /// <typeparam name="TRight">The other mask.</typeparam>
    /// <param name="left">The one mask; asked first.</param>
    /// <param name="right">The other mask.</param>
    /// <returns>The mask of both.</returns>
    public static AndMask<TLeft, TRight> And<TLeft, TRight>(this TLeft left, TRight right)
        where TLeft : struct, IAttentionMask
        where TRight : struct, IAttentionMask => new(left, right);

    /// <summary>Allows what either mask allows.</summary>
    /// <typeparam name="TLeft">The one mask.</typeparam>
    /// <typeparam name="TRight">The other mask.</typeparam>
    /// <param name="left">The one mask; asked first.</param>
    /// <param name="right">The other mask.</param>
    /// <returns>The mask of either.</returns>
    public static OrMask<TLeft, TRight> Or<TLeft, TRight>(this TLeft left, TRight right)
        where TLeft : struct, IAttentionMask
        where TRight : struct, IAttentionMask => new(left, right);

    /// <summary>Allows what the mask hides.</summary>
    /// <typeparam name="TMask">The mask.</typeparam>
    /// <param name="mask">The mask.</param>
    /// <returns>The opposite mask.</returns>
    public static NotMask<TMask> Not<TMask>(this TMask mask)
        where TMask : struct, IAttentionMask => new(mask);
}
