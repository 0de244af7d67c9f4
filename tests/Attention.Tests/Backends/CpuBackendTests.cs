using Attention.Backends;
using Attention.TestKit;

namespace Attention.Tests.Backends;

/// <summary>The processor's backend keeps the contract, and gives its memory out as it is.</summary>
public class CpuBackendTests
{
    public static TheoryData<string> Checks => [.. BackendContract.Checks];

    [Theory]
    [MemberData(nameof(Checks))]
    public void Keeps(string check) => new BackendContract(static () => new CpuBackend()).Run(check);

    [Theory]
    [MemberData(nameof(Checks))]
    public void Keeps_OnThreeThreads(string check) => new BackendContract(static () => new CpuBackend(3)).Run(check);

    [Fact]
    public void Span_IsTheTensorItself()
    {
        using DeviceTensor tensor = DeviceTensor.Zeros(CpuBackend.Shared, 2, 3);
        using DeviceTensor turned = tensor.Transpose(0, 1);

        CpuBackend.Span(turned)[2, 1] = 5;

        tensor.ToArray().Should().Equal(0, 0, 0, 0, 0, 5);
    }

    [Fact]
    public void Span_RefusesWhatLivesElsewhere()
    {
        var other = new CountingBackend();
        using DeviceTensor tensor = DeviceTensor.Zeros(other, 2);

        Action act = () => CpuBackend.Span(tensor);

        act.Should().Throw<ArgumentException>().WithParameterName("tensor").WithMessage($"*{other.Name}*");
    }

    [Fact]
    public void Span_RefusesADisposedTensor()
    {
        DeviceTensor tensor = DeviceTensor.Zeros(CpuBackend.Shared, 2);
        tensor.Dispose();

        Action act = () => CpuBackend.Span(tensor);

        act.Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void NegativeNumbers_AreRefused()
    {
        Action threads = () => _ = new CpuBackend(-1);
        Action length = () => CpuBackend.Shared.Allocate(-1);

        threads.Should().Throw<ArgumentOutOfRangeException>().WithParameterName("maxDegreeOfParallelism");
        length.Should().Throw<ArgumentOutOfRangeException>().WithParameterName("length");
    }
}
