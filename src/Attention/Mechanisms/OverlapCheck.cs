using System.Diagnostics;
using System.Numerics.Tensors;

namespace Attention.Mechanisms;

/// <summary>
/// Refuses results that share memory with what a call reads or with a result before them. It gathers the operands of a
/// call: first everything read, then each result in turn.
/// </summary>
[StackTraceHidden]
internal ref struct OverlapCheck
{
    private readonly ReadOnlyTensorSpan<float> _query;
    private readonly ReadOnlyTensorSpan<float> _key;
    private readonly ReadOnlyTensorSpan<float> _value;
    private readonly ReadOnlyTensorSpan<float> _outputGradient;
    private readonly ReadOnlyTensorSpan<float> _logSumExpGradient;
    private Named _first;
    private Named _second;
    private Named _third;
    private Named _fourth;
    private Named _fifth;
    private Named _sixth;
    private Named _seventh;
    private Named _eighth;
    private Named _ninth;
    private int _count;

    internal OverlapCheck(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in ReadOnlyTensorSpan<float> outputGradient = default, in ReadOnlyTensorSpan<float> logSumExpGradient = default)
    {
        _query = query;
        _key = key;
        _value = value;
        _outputGradient = outputGradient;
        _logSumExpGradient = logSumExpGradient;
    }

    /// <summary>Adds an operand that later results must not overlap: another input, or a result that was checked.</summary>
    internal void Add(in ReadOnlyTensorSpan<float> tensor, string name)
    {
        Named named = new() { Tensor = tensor, Name = name };
        switch (_count++)
        {
            case 0: _first = named; break;
            case 1: _second = named; break;
            case 2: _third = named; break;
            case 3: _fourth = named; break;
            case 4: _fifth = named; break;
            case 5: _sixth = named; break;
            case 6: _seventh = named; break;
            case 7: _eighth = named; break;
            case 8: _ninth = named; break;
            default: throw new UnreachableException();
        }
    }

    /// <summary>Checks a result, and adds it.</summary>
    internal void Check(in ReadOnlyTensorSpan<float> written, string name)
    {
        Guard.Disjoint(written, name, _query, "query");
        Guard.Disjoint(written, name, _key, "key");
        Guard.Disjoint(written, name, _value, "value");
        Guard.Disjoint(written, name, _outputGradient, "outputGradient");
        Guard.Disjoint(written, name, _logSumExpGradient, "logSumExpGradient");
        _first.Check(written, name);
        _second.Check(written, name);
        _third.Check(written, name);
        _fourth.Check(written, name);
        _fifth.Check(written, name);
        _sixth.Check(written, name);
        _seventh.Check(written, name);
        _eighth.Check(written, name);
        _ninth.Check(written, name);
        Add(written, name);
    }

    private ref struct Named
    {
        internal ReadOnlyTensorSpan<float> Tensor;
        internal string? Name;

        internal readonly void Check(in ReadOnlyTensorSpan<float> written, string name)
        {
            if (Name is not null)
            {
                Guard.Disjoint(written, name, Tensor, Name);
            }
        }
    }
}
