using Attention.Backends;

namespace Attention.TestKit;

/// <summary>Memory of a <see cref="CountingBackend"/>, which counts what is in use.</summary>
internal sealed class CountingBuffer : DeviceBuffer
{
    private readonly CountingBackend _owner;

    internal CountingBuffer(CountingBackend owner, nint length)
        : base(owner, length)
    {
        _owner = owner;
        Numbers = new float[length];
        Array.Fill(Numbers, float.NaN);
    }

    internal float[] Numbers { get; private set; }

    protected override void Free()
    {
        Numbers = [];
        _owner.CountFree();
    }
}
