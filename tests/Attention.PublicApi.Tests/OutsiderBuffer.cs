using Attention.Backends;

namespace Attention.PublicApi.Tests;

/// <summary>Memory of an <see cref="OutsiderBackend"/>: an array, dropped when it is free.</summary>
internal sealed class OutsiderBuffer(OutsiderBackend owner, nint length) : DeviceBuffer(owner, length)
{
    public float[] Numbers { get; private set; } = new float[length];

    protected override void Free() => Numbers = [];
}
