using System.Runtime.Intrinsics.X86;
using Attention.Simd;

namespace Attention.Tests.Simd;

/// <summary>
/// The suite runs under several instruction settings. Each run must be the one that it is meant to be, or it would prove
/// nothing: a misspelt setting is silently ignored by the runtime.
/// </summary>
public sealed class InstructionTierTests
{
    [Fact]
    public void PreferredWidth_IsTheOneThatTheRunIsMeantFor()
    {
        // CI knows the processor and says what it expects; without it, the settings themselves do.
        string expected = Environment.GetEnvironmentVariable("ATTENTION_EXPECTED_WIDTH") is { Length: > 0 } given ? given : FromSettings();

        expected.Split(',').Should().Contain(SimdWidths.Preferred.ToString());
    }

    private static string FromSettings()
    {
        if (IsOff("DOTNET_EnableHWIntrinsic"))
        {
            return nameof(SimdWidth.Scalar);
        }

        if (IsOff("DOTNET_EnableAVX2") || !Avx2.IsSupported)
        {
            return nameof(SimdWidth.Vector128);
        }

        return IsOff("DOTNET_EnableAVX512") || !Avx512F.IsSupported
            ? nameof(SimdWidth.Vector256)
            : $"{nameof(SimdWidth.Vector256)},{nameof(SimdWidth.Vector512)}";
    }

    private static bool IsOff(string setting) => Environment.GetEnvironmentVariable(setting) == "0";
}
