namespace Attention.Policies;

/// <summary>A run of neighbouring queries of one document.</summary>
/// <param name="Document">The document.</param>
/// <param name="End">One past its last query.</param>
/// <param name="Keys">The run from the first to the last key of the document, possibly with other keys between.</param>
internal readonly record struct DocumentRun(int Document, int End, IndexRange Keys);
