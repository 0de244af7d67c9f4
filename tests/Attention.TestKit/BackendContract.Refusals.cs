using Attention.Backends;

namespace Attention.TestKit;

public sealed partial class BackendContract
{
    /// <summary>What stands in every tensor before a call that must be refused.</summary>
    private const float Before = 0.5f;

    public void Right_tensors_are_taken() => ForEachOperand(static (operation, _, tensors, backend) =>
    {
        operation.Call(backend, tensors);
        return null;
    });

    public void Tensors_of_another_backend_are_refused_by_name() => ForEachOperand((operation, operand, tensors, backend) =>
    {
        ContractOperand wrong = operation.Operands[operand];
        DeviceTensor stranger = DeviceTensor.Zeros(_other, wrong.Lengths);
        tensors[operand] = stranger;
        RequireRefusal<ArgumentException>(operation.Name, wrong.Name, () => operation.Call(backend, tensors));
        return stranger;
    });

    public void Disposed_tensors_are_refused_by_name() => ForEachOperand((operation, operand, tensors, backend) =>
    {
        ContractOperand wrong = operation.Operands[operand];
        DeviceTensor disposed = DeviceTensor.Zeros(backend, wrong.Lengths);
        disposed.Dispose();
        tensors[operand] = disposed;
        RequireRefusal<ObjectDisposedException>(operation.Name, wrong.Name, () => operation.Call(backend, tensors));
        return disposed;
    });

    public void Wrong_shapes_are_refused() => ForEachOperand((operation, operand, tensors, backend) =>
    {
        ContractOperand wrong = operation.Operands[operand];
        if (operation.Operands.Length == 1)
        {
            // One tensor alone may have any shape.
            return null;
        }

        DeviceTensor large = DeviceTensor.Zeros(backend, [.. wrong.Lengths.Select(static length => length + 9)]);
        tensors[operand] = large;
        RequireRefusal<ArgumentException>(operation.Name, null, () => operation.Call(backend, tensors));
        return large;
    });

    /// <summary>Makes a call that must fail.</summary>
    /// <typeparam name="TException">With what.</typeparam>
    /// <param name="operation">For messages.</param>
    /// <param name="parameter">What the exception must name; null for any parameter.</param>
    /// <param name="call">The call.</param>
    private static void RequireRefusal<TException>(string operation, string? parameter, Action call)
        where TException : Exception
    {
        try
        {
            call();
        }
        catch (TException exception)
        {
            string? named = (exception as ArgumentException)?.ParamName;
            bool isNamed = parameter is null
                ? !string.IsNullOrEmpty(named)
                : named == parameter || (named is null && exception.Message.Contains($"'{parameter}'", StringComparison.Ordinal));
            Require(isNamed, $"{operation} names '{named}' where '{parameter ?? "a parameter"}' is wrong: {exception.Message}");
            return;
        }

        throw new ToleranceException($"{operation} takes a wrong '{parameter}'.");
    }

    /// <summary>
    /// Runs an action for each tensor of each operation, given tensors that fit, of which it may replace one and return it.
    /// Unless it returned null, none of the others may be written.
    /// </summary>
    private void ForEachOperand(Func<ContractOperation, int, DeviceTensor[], IComputeBackend, DeviceTensor?> action)
    {
        foreach (ContractOperation operation in ContractOperations.All)
        {
            for (int operand = 0; operand < operation.Operands.Length; operand++)
            {
                DeviceTensor[] tensors = Array.ConvertAll(operation.Operands, one => DeviceTensor.Allocate(_backend, one.Lengths));
                DeviceTensor[] original = [.. tensors];
                foreach (DeviceTensor tensor in tensors)
                {
                    _backend.Fill(tensor, Before);
                }

                using DeviceTensor? replaced = action(operation, operand, tensors, _backend);
                foreach (DeviceTensor tensor in original)
                {
                    bool isTouched = replaced is not null && tensor.ToArray().Any(static x => x != Before);
                    Require(!isTouched, $"{operation.Name} writes although '{operation.Operands[operand].Name}' is wrong.");
                    tensor.Dispose();
                }
            }
        }
    }
}
