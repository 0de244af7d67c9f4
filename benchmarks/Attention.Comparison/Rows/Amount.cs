namespace Attention.Comparison.Rows;

/// <summary>How much work a run is: operations, or bytes where memory is the limit.</summary>
internal sealed record Amount(double Count, bool IsBytes)
{
    internal static Amount Operations(double count) => new(count, false);

    internal static Amount Bytes(double count) => new(count, true);

    internal string Rate(double seconds) => $"{Count / seconds / 1e9:F1} {(IsBytes ? "GB/s" : "GFLOP/s")}";

    internal static string Time(double seconds) => seconds switch
    {
        < 1e-3 => $"{seconds * 1e6:F1} us",
        < 1 => $"{seconds * 1e3:F2} ms",
        _ => $"{seconds:F2} s",
    };
}
