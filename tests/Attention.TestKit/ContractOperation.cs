using Attention.Backends;

namespace Attention.TestKit;

/// <summary>A tensor that an operation takes: its name in messages, its shape, and whether it is written.</summary>
/// <param name="Name">The parameter.</param>
/// <param name="Lengths">A shape in which no two axes are alike and none is 1.</param>
/// <param name="IsWritten">Whether the operation writes it.</param>
public sealed record ContractOperand(string Name, nint[] Lengths, bool IsWritten = false);

/// <summary>A call of one operation of a backend, to be made with wrong tensors.</summary>
/// <param name="Name">The operation.</param>
/// <param name="Operands">What it takes.</param>
/// <param name="Call">Makes the call with tensors in the order of <paramref name="Operands"/>.</param>
public sealed record ContractOperation(string Name, ContractOperand[] Operands, Action<IComputeBackend, DeviceTensor[]> Call);
