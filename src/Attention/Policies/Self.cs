using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>
/// Turns the type parameter of a policy's static <c>CheckCall</c> back into the policy: a static member of an interface
/// cannot name the implementing type, and an instance member with a default body would box the struct.
/// </summary>
internal static class Self
{
    public static ref readonly TSelf Of<TPolicy, TSelf>(in TPolicy policy)
        where TPolicy : struct
        where TSelf : struct
    {
        if (typeof(TPolicy) != typeof(TSelf))
        {
            throw new UnreachableException($"{typeof(TSelf)} was asked about a {typeof(TPolicy)}.");
        }

        return ref Unsafe.As<TPolicy, TSelf>(ref Unsafe.AsRef(in policy));
    }
}
