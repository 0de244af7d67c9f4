using System.Numerics.Tensors;
using Attention.Caching;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Caching;

/// <summary>
/// A problem of one batch element with as many queries as keys, whose tokens go into a sequence of a cache part by part, each
/// part's queries attending before the next comes. What they give gathers in <see cref="Output"/>.
/// </summary>
internal sealed class CachedSequence
{
    private readonly KvCache _cache;

    internal CachedSequence(KvCache cache, AttentionProblem<float> problem, int? id = null)
    {
        _cache = cache;
        Problem = problem;
        Id = id ?? cache.Add();
        Output = new float[problem.Shape.OutputCount];
        LogSumExp = new float[problem.Shape.RowCount];
        Array.Fill(Output, float.NaN);
        Array.Fill(LogSumExp, float.NaN);
    }

    internal AttentionProblem<float> Problem { get; }

    internal int Id { get; }

    internal float[] Output { get; }

    internal float[] LogSumExp { get; }

    internal AttentionOptions Options { get; init; }

    internal KeyWindow Window { get; init; }

    /// <summary>Appends the tokens of each part and attends with their queries.</summary>
    internal CachedSequence Run(params int[] parts) => Run(default(NoModifier), parts);

    internal CachedSequence Run<TModifier>(TModifier modifier, params int[] parts)
        where TModifier : struct, IScoreModifier
    {
        foreach (int part in parts)
        {
            Append(part);
            Attend(modifier, part);
        }

        return this;
    }

    /// <summary>Appends the next tokens of the problem.</summary>
    internal void Append(int count) => _cache.Append([Id], Key(count), Value(count));

    internal ReadOnlyTensorSpan<float> Key(int count) =>
        Slice(Problem.Shape.KeyValueHeads, Problem.Shape.HeadSize, _cache.Length(Id), count).Read(Problem.Key);

    internal ReadOnlyTensorSpan<float> Value(int count) =>
        Slice(Problem.Shape.KeyValueHeads, Problem.Shape.ValueSize, _cache.Length(Id), count).Read(Problem.Value);

    /// <summary>Attends with the queries of the last tokens.</summary>
    internal void Attend(int count) => Attend(default(NoModifier), count);

    internal void Attend<TModifier>(TModifier modifier, int count)
        where TModifier : struct, IScoreModifier
    {
        int start = _cache.Length(Id) - count;
        AttentionShape shape = Problem.Shape;
        Layout rows = Layout.Strided([1, shape.Heads, count], [0, shape.QueryLength, 1], start);
        CachedAttention.Forward(
            _cache, [Id], Slice(shape.Heads, shape.HeadSize, start, count).Read(Problem.Query), default, Window, modifier, Problem.SinkLogits,
            Slice(shape.Heads, shape.ValueSize, start, count).Write(Output), rows.Write(LogSumExp), Options);
    }

    internal void ShouldEqual(CachedSequence expected, string because)
    {
        Tolerance.SameBits($"output, {because}", Output, expected.Output);
        Tolerance.SameBits($"log-sum-exp, {because}", LogSumExp, expected.LogSumExp);
    }

    private Layout Slice(int heads, int size, int start, int count) =>
        Layout.Strided([1, heads, count, size], [0, (nint)Problem.Shape.KeyLength * size, size, 1], start * size);
}
