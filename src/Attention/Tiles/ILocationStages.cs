namespace Attention.Tiles;

/// <summary>
/// A pass over the steps of location-aware attention: each step waits for the one before. The stages of different batch elements
/// are independent, and so are the pieces of one stage.
/// </summary>
internal interface ILocationStages
{
    /// <summary>Before the first step.</summary>
    void Start(int batch);

    /// <summary>The first half of a step, one block of keys.</summary>
    /// <param name="batch">The batch element.</param>
    /// <param name="block">The block.</param>
    /// <param name="turn">The step; the backward pass counts from the last one.</param>
    void Block(int batch, int block, int turn);

    /// <summary>The second half of a step, after all its blocks.</summary>
    /// <param name="batch">The batch element.</param>
    /// <param name="piece">A part of the work.</param>
    /// <param name="turn">The step.</param>
    void Finish(int batch, int piece, int turn);

    /// <summary>After all steps.</summary>
    /// <param name="batch">The batch element.</param>
    /// <param name="piece">A part of the work.</param>
    void Rest(int batch, int piece);
}
