namespace Attention.Layers;

/// <summary>The element types that the safetensors format knows, by the names that files use.</summary>
internal static class SafetensorsTypes
{
    internal const string Single = "F32";
    internal const string Half = "F16";
    internal const string BFloat16 = "BF16";

    /// <summary>The bits of an element; 0 for a type that is not known, whose byte counts cannot be checked.</summary>
    internal static int Bits(string elementType) => elementType switch
    {
        "F4" => 4,
        "F6_E2M3" or "F6_E3M2" => 6,
        "BOOL" or "U8" or "I8" or "F8_E5M2" or "F8_E4M3" or "F8_E8M0" => 8,
        "I16" or "U16" or Half or BFloat16 => 16,
        "I32" or "U32" or Single => 32,
        "I64" or "U64" or "F64" or "C64" => 64,
        _ => 0,
    };

    internal static bool IsReadable(string elementType) => elementType is Single or Half or BFloat16;
}
