namespace Attention.Policies;

/// <summary>Puts modifiers together as one reads them: <c>softCap.Then(alibi)</c>.</summary>
public static class ModifierExtensions
{
    /// <summary>Applies <paramref name="second"/> to what <paramref name="first"/> made of the score.</summary>
    /// <typeparam name="TFirst">The modifier that sees the score.</typeparam>
    /// <typeparam name="TSecond">The modifier after it.</typeparam>
    /// <param name="first">The modifier that sees the score.</param>
    /// <param name="second">The modifier after it.</param>
    /// <returns>Both, one after the other.</returns>
    public static ComposedModifier<TFirst, TSecond> Then<TFirst, TSecond>(this TFirst first, TSecond second)
        where TFirst : struct, IScoreModifier
        where TSecond : struct, IScoreModifier => new(first, second);
}
