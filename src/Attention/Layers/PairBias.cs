using Attention.Autodiff;

namespace Attention.Layers;

/// <summary>The bias of every query and key, looked up in a table with a column for each head.</summary>
internal static class PairBias
{
    /// <summary>Takes the rows of the table and brings the heads to the front.</summary>
    /// <param name="table"><c>[rows, heads]</c>.</param>
    /// <param name="rows">The row of each pair, <c>[queryLength, keyLength]</c>.</param>
    /// <param name="heads">The columns of the table.</param>
    /// <param name="queryLength">How many queries.</param>
    /// <param name="keyLength">How many keys.</param>
    /// <param name="tape">The tape to record on; null for none.</param>
    /// <returns><c>[1, heads, queryLength, keyLength]</c>, keys side by side as attention asks of a bias.</returns>
    internal static Variable Look(Variable table, ReadOnlySpan<int> rows, int heads, int queryLength, int keyLength, Tape? tape)
    {
        using Variable pairs = Differentiable.Embed(table, rows, [1, (nint)queryLength * keyLength], tape);
        using Variable byHead = pairs.Transpose(1, 2);
        using Variable copied = Differentiable.Copy(byHead);
        return copied.Reshape(1, heads, queryLength, keyLength);
    }
}
